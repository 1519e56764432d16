"""The program that attacks: it sees harm where there is some, and the attacks that it knows do none."""

from __future__ import annotations

import pickle
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

import attacked
import attacks
from attacked import SECRET, Place, pickled

ATTACKS = attacks.all_attacks()
_OF_EACH = 1


def _few() -> list[str]:
    """Return the first attacks of each kind; the program itself carries out all."""
    kinds: dict[object, list[str]] = {}
    for name, attack in ATTACKS.items():
        kinds.setdefault(getattr(attack, "func", attack), []).append(name)
    return [name for names in kinds.values() for name in names[:_OF_EACH]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacks.made_run(tmp_path_factory.mktemp("attacked"))


@pytest.mark.slow
@pytest.mark.parametrize("name", _few())
def test_inert(name: str, run: Path, tmp_path: Path) -> None:
    assert attacks.carry_out(ATTACKS[name], tmp_path, run) is None


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in _few()])
def test_others_are_inert(name: str, run: Path, tmp_path: Path) -> None:
    assert attacks.carry_out(ATTACKS[name], tmp_path, run) is None


def _unpickles(place: Place) -> int:
    pickle.loads(pickled(place))
    return 2


def _imports(place: Place) -> int:
    __import__("planted")
    return 2


def _asks(place: Place) -> int:
    socket.getaddrinfo("example.org", 80)
    return 2


def _commands(place: Place) -> int:
    print("\x1b[2J")
    return 2


def _copies(place: Place) -> int:
    (place.root / "copy.txt").write_text((place.outside / "secret.txt").read_text())
    return 2


def _crashes(place: Place) -> int:
    raise KeyError("x")


def _succeeds(place: Place) -> int:
    return 0


@pytest.mark.parametrize(
    ("does", "harm"),
    [
        (_unpickles, "its code ran"),
        (_imports, "its code ran"),
        (_asks, "the address of example.org"),
        (_commands, "a terminal was sent"),
        (_copies, "the secret was copied"),
        (_crashes, "a crash (KeyError"),
        (_succeeds, "exit code 0"),
    ],
)
def test_harm_is_seen(
    does: Callable[[Place], int], harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, tmp_path)
    monkeypatch.setattr(attacked, "main", lambda words: does(place))
    found = place.harm(place.command("any"), 2)
    assert found is not None
    assert harm in found
    assert SECRET not in found


def test_nothing_done_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, tmp_path)
    monkeypatch.setattr(attacked, "main", lambda words: 2)
    assert place.harm(place.command("any"), 2) is None


def test_the_program_counts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "made_run", lambda root: root)
    known = {"a": lambda place: None, "b": lambda place: "it did harm", "c": lambda place: 1 / 0}
    monkeypatch.setattr(attacks, "all_attacks", lambda: known)
    assert attacks.main([]) == 1
    printed = capsys.readouterr().out
    assert "attacks inert / tried: 1 / 3" in printed
    assert "c: not carried out (ZeroDivisionError" in printed
    assert attacks.main(["--only", "a"]) == 0
