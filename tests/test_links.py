"""Links that a stranger planted where files are written first are never written through."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutualseg.atomic_files import partial_of, write_text
from mutualseg.engine.cut_records import cut_events
from mutualseg.errors import RunError
from mutualseg.links import refuse_links_out
from tests.test_cut_records import events_of


def test_a_link_where_a_file_is_written_first_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "table.csv"
    victim.write_text("precious")
    partial_of(path).symlink_to(victim)
    write_text(path, "new\n")
    assert (path.read_text(), path.is_symlink()) == ("new\n", False)
    assert victim.read_text() == "precious"


def test_cutting_events_follows_no_link(tmp_path: Path) -> None:
    path, victim = events_of(tmp_path, range(1, 4)), tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "events.partial").symlink_to(victim)
    cut_events(path, 1)
    assert victim.read_text() == "precious"
    assert not path.is_symlink()


def test_links_are_refused_if_they_lead_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    (run / "inside").symlink_to(run / "weights")
    monkeypatch.chdir(tmp_path)
    for root in (run, Path("run")):
        refuse_links_out(root)
    (tmp_path / "run2").mkdir()
    (run / "weights/out").symlink_to("../../run2")
    for root in (run, Path("run")):
        with pytest.raises(RunError, match=r"weights/out' is a link out of the run folder"):
            refuse_links_out(root)


def test_the_link_that_wandb_leaves_is_no_harm(tmp_path: Path) -> None:
    logs = tmp_path / "run/baseline/wandb/offline-run-1/logs"
    logs.mkdir(parents=True)
    (logs / "debug-core.log").symlink_to(tmp_path / "cache.log")
    refuse_links_out(tmp_path / "run")
    (tmp_path / "run/debug-core.log").symlink_to(tmp_path / "cache.log")
    with pytest.raises(RunError, match="is a link out of the run folder"):
        refuse_links_out(tmp_path / "run")
