"""From `hf://NAME` to a file on this machine: two files of known names and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mutualseg.errors import HubError
from mutualseg.hub.addresses import Address, is_address, parse_address
from mutualseg.hub.calls import hub_api, hub_calls, is_out_of_reach

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
"""What a model on the Hub consists of."""
LIBRARY = "mutualseg"

_MOST_CONFIG = 2**20
"""Bytes; what we write has a few thousand."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAG = re.compile(r"[0-9A-Za-z_-]{1,128}")
"""Of a file's content: its SHA-1 or SHA-256."""
_ELSEWHERE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".onnx", ".h5")


def local_path(run: str | Path) -> Path:
    """Return where a run folder or weights file is on this machine; one on the Hub is fetched first.

    Args:
        run: a path, or `hf://NAME` or `hf://NAME@revision`. What was fetched before is not fetched again, and
            serves where the Hub cannot be reached.

    Raises:
        HubError: the address is wrong, or leads to nothing that can be had.
    """
    return fetch(parse_address(run)) if isinstance(run, str) and is_address(run) else Path(run)


def fetch(address: Address) -> Path:
    """Return the weights file of a model on the Hub, from the library's own cache if it is there.

    Raises:
        HubError: there is no such model, it is none of this program, or it cannot be had now.
    """
    api = hub_api()
    with hub_calls(address.name, "read"):
        if address.revision is not None and _COMMIT.fullmatch(address.revision):
            with suppress(HubError):  # what a commit names never changes
                return _cached(address)
        commit = _commit_of(address, api)
        if commit is None:  # the Hub cannot be reached
            return _cached(address)
        # By the name first: then the cache knows which commit it meant when there is no network.
        config = _download(api, address, CONFIG, address.revision)
        _refuse_foreign(address, config)
        if config.parent.name != commit:  # pushed to in this moment
            commit = config.parent.name
        return _download(api, address, WEIGHTS, commit)


def lasting_path(run: str) -> str:
    """Return a path as an absolute one, and an address on the Hub with the commit that it names now.

    Raises:
        HubError: the address is wrong, or leads to nothing that can be had.
    """
    if not is_address(run):
        return str(Path(run).absolute())
    address = parse_address(run)
    return str(Address(address.name, fetch(address).parent.name))


def _commit_of(address: Address, api: HfApi) -> str | None:
    """Return the commit that an address names, once its files may be fetched; None without a network."""
    try:
        found = api.model_info(address.name, revision=address.revision, files_metadata=True, timeout=10)
    except Exception as error:
        if is_out_of_reach(error):
            return None
        raise
    sizes = {each.rfilename: each.size for each in found.siblings or ()}
    if WEIGHTS not in sizes or CONFIG not in sizes:
        raise HubError(_lacking(address, list(sizes)))
    if (sizes[CONFIG] or 0) > _MOST_CONFIG:
        raise HubError(f"{CONFIG} of {address} is too large for one of this program; give another model.")
    if found.sha is None or not _COMMIT.fullmatch(found.sha):
        raise HubError(f"The Hub names no commit of {address}; check HF_ENDPOINT, and try again.")
    return found.sha


def _download(api: HfApi, address: Address, file: str, revision: str | None) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    # The library makes paths of two words of the server, and takes one of them as it comes.
    url = hf_hub_url(address.name, file, revision=revision, endpoint=api.endpoint)
    told = get_hf_file_metadata(url, token=api.token, endpoint=api.endpoint)
    if not _COMMIT.fullmatch(told.commit_hash or "") or not _TAG.fullmatch(told.etag or ""):
        raise HubError(
            f"The Hub answers in an unknown way about {file} of {address}; check HF_ENDPOINT, and try again."
        )
    return Path(api.hf_hub_download(address.name, file, revision=revision))


def _cached(address: Address) -> Path:
    from huggingface_hub import try_to_load_from_cache

    found = {
        file: try_to_load_from_cache(address.name, file, revision=address.revision)
        for file in (CONFIG, WEIGHTS)
    }
    config, weights = found[CONFIG], found[WEIGHTS]
    if not isinstance(config, str) or not isinstance(weights, str):
        raise HubError(
            f"{address} is not on this machine, and the Hub cannot be reached; connect to the network (and "
            "unset HF_HUB_OFFLINE) once, or give a local file."
        )
    _refuse_foreign(address, Path(config))
    return Path(weights)


def _refuse_foreign(address: Address, config: Path) -> None:
    """Raise HubError for a model of another library, before its weights are fetched."""
    try:
        with config.open("rb") as file:
            content = file.read(_MOST_CONFIG + 1)
        values = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise HubError(f"{CONFIG} of {address} cannot be read; give another revision or model.") from error
    if not isinstance(values, dict) or values.get("library_name") != LIBRARY:
        raise HubError(
            f"{address} is a model of another library; give one that `mutualseg push` put on the Hub."
        )


def _lacking(address: Address, files: Sequence[str]) -> str:
    other = next((file for file in files if file.endswith(_ELSEWHERE)), None)
    unsafe = " (files of other kinds may hold code and are never opened)" if other is not None else ""
    return (
        f"{address} has no {WEIGHTS} with a {CONFIG}{unsafe}; give a model that `mutualseg push` put there."
    )
