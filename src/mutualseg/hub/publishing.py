"""`push`: a finished run's network as a model on the Hub, in one commit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from mutualseg.atomic_files import replacing, write_text
from mutualseg.errors import ConfigError, HubError, RunError
from mutualseg.hub.addresses import SCHEME, Address, check_name
from mutualseg.hub.calls import hub_api, hub_calls
from mutualseg.hub.card_license import checked_license
from mutualseg.hub.downloads import CARD, CONFIG, WEIGHTS
from mutualseg.hub.model_card import headline, model_card
from mutualseg.hub.published_settings import published_settings
from mutualseg.provenance import provenance
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import resume_line
from mutualseg.weights_files import load_network

_NOTHING_SAID = "no license is named in the model card; --license NAME names it"


def publish(
    root: Path,
    name: str,
    *,
    private: bool,
    license: str | None,
    message: str | None,
    dry_run: Path | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Put a run's network on the Hub, or into a folder to look at; see `mutualseg.push`."""
    name = name.removeprefix(SCHEME)
    check_name(name)
    wanted = checked_license(license)
    folder = RunFolder(root)
    files = _files(folder, name, wanted)
    notes = [] if wanted else [_NOTHING_SAID]
    if dry_run is not None:
        _write(files, dry_run, root)
        done: dict[str, Any] = {"folder": str(dry_run)}
    else:
        _require_token()
        say(f"uploading {_megabytes(files):.1f} MB to {name}")
        done = _upload(files, name, private=private, message=message or _message(folder))
    return {"name": name, **done, "files": sorted(files), "notes": notes}


def _files(folder: RunFolder, name: str, license: str | None) -> dict[str, Path | bytes]:
    """Return what is published, by its name on the Hub."""
    if not folder.root.is_dir():
        raise RunError(f"'{folder.root}' is no run folder; give the --out of a train.")
    settings = folder.read_config()
    if not folder.is_finished():
        raise RunError(
            f"{folder.root} is not finished, so there is no network to publish; go on with: "
            f"{resume_line(folder.root)}"
        )
    summary = folder.read_summary()
    load_network(folder.weights)  # what nobody could load is not published
    with safe_open(folder.weights, framework="pt") as file:
        facts = json.loads(file.metadata()["mutualseg"])
    config = published_settings(facts, settings, str(provenance()["versions"]["mutualseg"]))
    try:
        card = model_card(name, summary, config, license=license)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"'{folder.summary}' lacks what a model card needs ({error}); restore the one that train wrote."
        ) from error
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return {WEIGHTS: folder.weights, CONFIG: text.encode(), CARD: card.encode()}


def _megabytes(files: dict[str, Path | bytes]) -> float:
    return sum(len(each) if isinstance(each, bytes) else each.stat().st_size for each in files.values()) / 1e6


def _message(folder: RunFolder) -> str:
    summary = folder.read_summary()
    return f"{summary['method']}, val mIoU {headline(summary):.2f}, seed {summary['seed']}"


def _write(files: dict[str, Path | bytes], out: Path, run: Path) -> None:
    """Write the files into a folder that holds nothing else."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--dry-run {out} is a file; name a folder.")
    strangers = sorted({path.name for path in out.iterdir()} - {*files}) if out.is_dir() else []
    if strangers:
        raise ConfigError(f"--dry-run {out} holds '{strangers[0]}'; name a new or empty folder.")
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            write_text(out / name, content.decode())
        else:
            with replacing(out / name) as partial:
                shutil.copyfile(content, partial)


def _require_token() -> None:
    from huggingface_hub import get_token

    if get_token() is None:
        raise HubError(
            "There is no token for the Hub; log in with `hf auth login`, or set HF_TOKEN to one that may "
            "write (https://huggingface.co/settings/tokens)."
        )


def _upload(files: dict[str, Path | bytes], name: str, *, private: bool, message: str) -> dict[str, Any]:
    from huggingface_hub import CommitOperationAdd

    api = hub_api()
    with hub_calls(name, "write to"):
        url = api.create_repo(name, private=private, exist_ok=True)
        full_name = url.repo_id  # with the owner, which a short name leaves to the token
        operations = [CommitOperationAdd(each, content) for each, content in files.items()]
        commit = api.create_commit(full_name, operations, commit_message=message)
        is_private = api.model_info(full_name, timeout=10).private
    return {
        "address": str(Address(full_name)),
        "url": str(url),
        "commit": commit.oid,
        "private": is_private,
    }
