"""What cannot be pushed or loaded is refused in one sentence, and nothing hostile is fetched or written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import mutualseg
from mutualseg.errors import HubError, MutualSegError
from mutualseg.hub.addresses import Address, parse_address
from tests.command.conftest import Command
from tests.command.made import files_below, write_photos
from tests.hub.fake_hub import OWNER, Hub

NAME = f"{OWNER}/discs"


@pytest.mark.parametrize(
    "text",
    [
        *("hf://", "hf:///x", "hf://a/b/c", "hf://../x", "hf://a/..", "hf://a/b c", "hf://a/b@", "hf:a/b"),
        *(
            "hf://a/b@../../x",
            "hf://a/b@x/../../y",
            "hf://a/b@x//y",
            "hf://a/b@/x",
            "hf://a/b@-x",
            "hf://a/b@x y",
            "hf://a//b",
            "hf://a/b.git",
        ),
        *("hf://~/x", "hf://a/b\n", "hf://a/b@x\x1b", "hf://a/b--c", f"hf://a/{'b' * 97}"),
    ],
)
def test_wrong_addresses(text: str, cache: Path) -> None:
    with pytest.raises(HubError, match=r"is no (address on|name of a model|revision)") as caught:
        mutualseg.load(text)
    assert str(caught.value).isprintable()
    assert not cache.exists()


def test_addresses() -> None:
    assert parse_address("hf://a/b") == Address("a/b")
    assert parse_address("hf://b@v1.0/x_y") == Address("b", "v1.0/x_y")
    assert str(parse_address("hf://a/b.c@main")) == "hf://a/b.c@main"


def test_unknown_model(hub: Hub, command: Command, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    outcome = command("predict", f"hf://{OWNER}/nothing", photos, "--out", tmp_path / "out")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "The Hub knows no 'someone/nothing' that you may read" in outcome.err


def test_no_token(finished: Path, hub: Hub, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    outcome = command("push", finished, NAME)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "hf auth login" in outcome.err
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        (NAME, "hf_wrong", "knows no"),
        ("others/discs", None, "your token has no right to"),
        ("no name", None, "is no name of a model"),
    ],
)
def test_refused_pushes(
    finished: Path,
    hub: Hub,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    token: str | None,
    said: str,
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    outcome = command("push", finished, name, "--quiet")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err
    assert hub.models == {}


def test_no_network(finished: Path, hub: Hub, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    outcome = command("push", finished, NAME, "--quiet")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "The Hub cannot be reached" in outcome.err


def test_a_hub_out_of_order(finished: Path, hub: Hub, command: Command) -> None:
    hub.broken = 400
    outcome = command("push", finished, NAME, "--quiet")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "HTTP 400" in outcome.err


def test_runs_that_cannot_be_published(tmp_path: Path, finished: Path, command: Command, cache: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "summary.json").unlink()
    for folder, said in (
        (run, "is not finished"),
        (tmp_path / "none", "no run folder"),
        (run / "weights" / "deployed.safetensors", "is no run folder"),
    ):
        outcome = command("push", folder, NAME, "--dry-run", tmp_path / "out")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert said in outcome.err
    shutil.copy(finished / "summary.json", run)
    (run / "weights" / "deployed.safetensors").write_bytes(b"half")
    assert "no complete safetensors file" in command("push", run, NAME, "--dry-run", tmp_path / "out").err
    assert not (tmp_path / "out").exists()
    assert "no name of a license" in command("push", finished, NAME, "--license", "my: own").err


def _published(finished: Path, **config: object) -> dict[str, bytes]:
    return {
        "model.safetensors": (finished / "weights" / "deployed.safetensors").read_bytes(),
        "config.json": json.dumps({"library_name": "mutualseg", **config}).encode(),
    }


def test_a_model_of_another_library(hub: Hub, finished: Path) -> None:
    hub.put(NAME, _published(finished, library_name="transformers"))
    with pytest.raises(HubError, match="of another library"):
        mutualseg.load(f"hf://{NAME}")
    assert ("GET", f"/{NAME}/resolve/main/model.safetensors") not in hub.asked
    assert not any("model.safetensors" in path for _, path in hub.asked)


def test_pickles_are_never_fetched(hub: Hub, finished: Path) -> None:
    hub.put(NAME, {"pytorch_model.bin": b"\x80\x04evil", "config.json": b"{}"})
    with pytest.raises(HubError, match="may hold code and are never opened"):
        mutualseg.load(f"hf://{NAME}")
    assert not any("resolve" in path for _, path in hub.asked)


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b"[" * 100_000, b" " * (2**20 + 1)])
def test_odd_configurations(hub: Hub, finished: Path, content: bytes) -> None:
    hub.put(NAME, {**_published(finished), "config.json": content})
    with pytest.raises(HubError, match=r"config\.json|another library"):
        mutualseg.load(f"hf://{NAME}")


def test_weights_are_checked_as_local_ones(hub: Hub, finished: Path) -> None:
    whole = (finished / "weights" / "deployed.safetensors").read_bytes()
    changed = whole.replace(b'\\"num_classes\\": 3', b'\\"num_classes\\": 0')
    assert changed != whole
    hub.put(NAME, {**_published(finished), "model.safetensors": changed})
    with pytest.raises(MutualSegError, match="does not say which network"):
        mutualseg.load(f"hf://{NAME}")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Repo-Commit": "../../../../evil"},
        {"X-Repo-Commit": "..", "ETag": '"x"'},
        {"ETag": '"../../../../evil"'},
        {"ETag": '"{tmp}/evil"'},
        {"X-Linked-ETag": '"..\\\\..\\\\evil"'},
    ],
)
def test_a_hostile_hub_writes_nowhere_else(
    tmp_path: Path, cache: Path, hub: Hub, finished: Path, headers: dict[str, str]
) -> None:
    hub.put(NAME, _published(finished))
    hub.headers = {name: value.format(tmp=tmp_path) for name, value in headers.items()}
    with pytest.raises(HubError):
        mutualseg.load(f"hf://{NAME}")
    assert {path.parts[0] for path in map(Path, files_below(tmp_path))} <= {"hub_cache"}
    outside = [path for path in cache.rglob("*") if not path.resolve().is_relative_to(cache.resolve())]
    assert outside == []
    written = {path for path in files_below(cache) if "evil" in path}
    assert written == set()


def test_refusals_leave_no_file_names(hub: Hub, finished: Path, cache: Path) -> None:
    hub.put(NAME, {**_published(finished), "../../evil.txt": b"x", "/etc/evil": b"x", "code.py": b"x"})
    assert mutualseg.load(f"hf://{NAME}")
    held = {path.name for path in cache.rglob("*") if path.is_symlink() or path.suffix}
    assert "evil.txt" not in held
    assert "code.py" not in held
