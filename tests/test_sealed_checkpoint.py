"""A checkpoint whose bytes are not all as they were written is never taken for a sound one."""

from __future__ import annotations

import errno
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.engine.checkpoints import Checkpoints, drop_damaged_checkpoints, is_sound
from mutualseg.engine.sealed_checkpoint import SealedCheckpoints, is_sealed, write_sealed
from mutualseg.errors import CheckpointError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder

HELD: dict[str, Any] = {
    "pytorch-lightning_version": "2.6.6",
    "global_step": 7,
    "optimizer_states": [{"state": {}}],
    "state_dict": {"weight": torch.arange(6.0).reshape(2, 3)},
}


def _bytes() -> bytes:
    file = io.BytesIO()
    write_sealed(HELD, file)
    return file.getvalue()


SEALED = _bytes()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return a run folder with two sound checkpoints, of the steps 6 and 7."""
    run = RunFolder(tmp_path / "run")
    run.checkpoint.parent.mkdir(parents=True)
    SealedCheckpoints().save_checkpoint(HELD | {"global_step": 6}, run.previous_checkpoint)
    SealedCheckpoints().save_checkpoint(HELD, run.checkpoint)
    return run


def _steps(run: RunFolder) -> dict[str, int]:
    """Return the step of every checkpoint by its name."""
    return {
        path.name: torch.load(path, weights_only=True)["global_step"]
        for path in run.checkpoint.parent.iterdir()
        if is_sealed(path)
    }


def test_a_sealed_file_is_an_archive_that_others_read(folder: RunFolder) -> None:
    held = SealedCheckpoints().load_checkpoint(folder.checkpoint)
    assert torch.equal(held["state_dict"]["weight"], HELD["state_dict"]["weight"])
    assert held.keys() == HELD.keys()
    with zipfile.ZipFile(folder.checkpoint) as archive:
        assert archive.testzip() is None
        said = archive.comment.decode("ascii")
    # By hand: the digest is that of the file without the comment, whose length is then zero.
    bare = folder.checkpoint.read_bytes()[: -len(said) - 2] + b"\0\0"
    assert said == f"mutualseg sha256 {hashlib.sha256(bare).hexdigest()}"


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(SEALED)
    assert is_sealed(path)
    missed = []
    with path.open("r+b", buffering=0) as file:
        for at in range(len(SEALED)):
            for changed in (SEALED[at] ^ 1 << at % 8, 0 if SEALED[at] else 255):
                file.seek(at)
                file.write(bytes([changed]))
                if is_sealed(path):
                    missed.append(at)
            file.seek(at)
            file.write(SEALED[at : at + 1])
    assert missed == []
    assert is_sealed(path)


def test_every_length_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(SEALED)
    with path.open("r+b") as file:
        for length in reversed(range(len(SEALED))):
            file.truncate(length)
            assert not is_sealed(path), length
    for more in (b"\0", b"\n", SEALED, bytes(4096)):
        path.write_bytes(SEALED + more)
        assert not is_sealed(path)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, len(SEALED) - 1),
    length=st.integers(0, 300),
    put=st.binary(max_size=300),
)
def test_any_piece_exchanged_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, put: bytes
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "a.ckpt"
    changed = SEALED[:start] + put + SEALED[start + length :]
    path.write_bytes(changed)
    assert is_sealed(path) == (changed == SEALED)


def test_a_file_without_a_seal_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(HELD, path)
    assert not is_sound(path)
    with pytest.raises(CheckpointError, match=r"a\.ckpt' is damaged"):
        SealedCheckpoints().load_checkpoint(path)


def test_a_seal_does_not_make_code_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "harmed",)

    path = tmp_path / "a.ckpt"
    with path.open("w+b") as file:
        write_sealed(HELD | {"more": Harm()}, file)
    assert is_sealed(path)
    assert not is_sound(path)
    with pytest.raises(CheckpointError):
        SealedCheckpoints().load_checkpoint(path, weights_only=False)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "full"), OSError(errno.EFBIG, "big"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_failing_write_says_what_failed(fault: BaseException, after: int) -> None:
    class Failing(io.BytesIO):
        left = after

        def write(self, part: Any) -> int:
            self.left -= 1
            if self.left < 0:
                raise fault
            return super().write(part)

    with pytest.raises(type(fault)) as raised:
        write_sealed(HELD, Failing())
    assert raised.value is fault


def test_two_sound_checkpoints_stay(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    drop_damaged_checkpoints(folder, RunConsole())
    assert _steps(folder) == {"last.ckpt": 7, "previous.ckpt": 6}
    assert capsys.readouterr().err == ""


def test_a_damaged_one_is_put_aside(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.checkpoint.write_bytes(SEALED[:-1])
    drop_damaged_checkpoints(folder, RunConsole())
    assert folder.newest_checkpoint == folder.previous_checkpoint
    assert _steps(folder) == {"previous.ckpt": 6}
    assert folder.damaged_checkpoint.read_bytes() == SEALED[:-1]
    said = capsys.readouterr().err
    assert "last.ckpt' is damaged; going on from the checkpoint before it." in said
    assert "is now 'last.damaged' beside it, and can be deleted" in said


def test_with_both_damaged_nothing_is_touched(folder: RunFolder) -> None:
    for path in (folder.checkpoint, folder.previous_checkpoint):
        path.write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="is damaged, and the one before it too; start the run anew"):
        drop_damaged_checkpoints(folder, RunConsole())
    assert {path.name for path in folder.checkpoint.parent.iterdir()} == {"last.ckpt", "previous.ckpt"}


@pytest.mark.parametrize(
    ("fault", "is_damage"),
    [
        (OSError(errno.EIO, "bad sector"), True),
        (OSError(errno.ESTALE, "stale"), False),
        (OSError(errno.EMFILE, "too many"), False),
        (PermissionError(errno.EACCES, "no"), False),
        (MemoryError(), False),
    ],
)
def test_what_cannot_be_read_for_now_is_not_put_aside(
    fault: Exception, is_damage: bool, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> bool:
        if path == folder.checkpoint:
            raise fault
        return is_sealed(path)

    monkeypatch.setattr("mutualseg.engine.checkpoints.is_sealed", failing)
    if is_damage:
        drop_damaged_checkpoints(folder, RunConsole())
    else:
        with pytest.raises(type(fault)):
            drop_damaged_checkpoints(folder, RunConsole())
    assert folder.checkpoint.is_file() == (not is_damage)


def test_a_single_damaged_one_is_said_to_be_the_only_one(folder: RunFolder) -> None:
    folder.previous_checkpoint.unlink()
    folder.checkpoint.write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="no other checkpoint is there"):
        drop_damaged_checkpoints(folder, RunConsole())


class _Trainer:
    """Saves as the trainer does, and has no logger."""

    global_step = 8
    logger = None

    def save_checkpoint(self, path: Path) -> None:
        SealedCheckpoints().save_checkpoint(HELD | {"global_step": 8}, path)


@pytest.mark.parametrize("renames", [0, 1])
def test_a_stop_between_two_renames_loses_no_whole_checkpoint(
    renames: int, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, done = Path.replace, list[Path]()

    def stopping(self: Path, target: Path) -> Path:
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", stopping)
    checkpoints = Checkpoints(folder, steps=1, seconds=None, check=lambda: None)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(cast(pl.Trainer, _Trainer()))
    monkeypatch.undo()
    drop_damaged_checkpoints(folder, RunConsole())
    assert _steps(folder) == {"last.ckpt": 8, "previous.ckpt": 7}


def test_a_link_where_a_checkpoint_is_written_first_is_not_followed(folder: RunFolder) -> None:
    victim = folder.root / "victim"
    victim.write_text("precious")
    folder.checkpoint.with_name("last.ckpt.partial").symlink_to(victim)
    checkpoints = Checkpoints(folder, steps=1, seconds=None, check=lambda: None)
    checkpoints.save(cast(pl.Trainer, _Trainer()))
    assert victim.read_text() == "precious"
    assert _steps(folder) == {"last.ckpt": 8, "previous.ckpt": 7}


@pytest.mark.parametrize("content", [SEALED[:-5], b"", b"half"])
def test_half_a_checkpoint_is_cleaned_away(folder: RunFolder, content: bytes) -> None:
    (folder.checkpoint.parent / "last.ckpt.partial").write_bytes(content)
    drop_damaged_checkpoints(folder, RunConsole())
    assert {path.name for path in folder.checkpoint.parent.iterdir()} == {"last.ckpt", "previous.ckpt"}
    assert _steps(folder) == {"last.ckpt": 7, "previous.ckpt": 6}


@pytest.mark.parametrize("is_between_renames", [False, True])
def test_a_whole_one_that_a_kill_left_unnamed_is_used(folder: RunFolder, is_between_renames: bool) -> None:
    partial = folder.checkpoint.with_name("last.ckpt.partial")
    SealedCheckpoints().save_checkpoint(HELD | {"global_step": 8}, partial)
    if is_between_renames:
        folder.checkpoint.replace(folder.previous_checkpoint)
    drop_damaged_checkpoints(folder, RunConsole())
    assert _steps(folder) == {"last.ckpt": 8, "previous.ckpt": 7}
