"""Signals are given back to what had them before."""

from __future__ import annotations

import signal

import pytest

from mutualseg.engine.late_signals import LateSignal, signals_to


def test_handlers_that_are_not_of_python_become_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python returns None for those, and takes it from nobody."""
    given: list[tuple[int, object]] = []

    def install(number: int, handler: object) -> None:
        assert handler is not None
        given.append((number, handler))

    monkeypatch.setattr("mutualseg.engine.late_signals.signal.signal", install)
    late = LateSignal()
    with signals_to(late):
        assert {handler for _, handler in given} == {late}
        given.clear()
    assert (signal.SIGTERM, signal.SIG_DFL) in given
