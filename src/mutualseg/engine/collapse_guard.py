"""Watch over the pseudo-labels of a run: warn when they collapse, and if wanted go back to good ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from mutualseg.engine.collapse import FEW_KEPT, LEAST_KEPT, Finding, Row, find_collapse, living_classes
from mutualseg.engine.rollback import MOST_ROLLBACKS, factor_after, good_state, put_back
from mutualseg.methods.base import Method, Progress
from mutualseg.reporting.console import RunConsole

OFF, WARN, ROLLBACK = "off", "warn", "rollback"
MODES = (WARN, ROLLBACK, OFF)


class CollapseGuard(pl.Callback):
    """Judge the pseudo-labels after each evaluation at which they teach.

    All it decides on is the same in every process: what the monitor counted on all val images, and the step.

    Args:
        method: whose pseudo-labels are watched.
        console: says what is wrong and what to do.
        mode: `off`, `warn`, or `rollback`.
        classes: names in index order.
        total_steps: of the run.
        advise: from a finding to what to train again with.
    """

    def __init__(
        self,
        method: Method,
        console: RunConsole,
        *,
        mode: str,
        classes: Sequence[str],
        total_steps: int,
        advise: Callable[[Finding], str],
    ) -> None:
        self.method = method
        self.console = console
        self.mode = mode
        self.classes = classes
        self.total_steps = total_steps
        self.advise = advise
        self.warnings: list[dict[str, Any]] = []
        """`step`, `kind` and `message` of all that was said."""
        self.rollbacks = 0
        self._reference: dict[str, float | None] = {}
        self._reference_step = 0
        self._alive: list[str] = []
        self._open: list[list[str]] = []
        """Kind and class of what was found at the evaluation before, and is not said again while it lasts."""
        self._good: dict[str, Tensor] = {}
        self._good_row: dict[str, float | None] = {}
        self._good_step = 0

    def look(self, step: int, row: Row, trainer: pl.Trainer) -> bool:
        """Judge an evaluation.

        Args:
            step: optimizer steps finished.
            row: what the monitor saw.
            trainer: whose optimizer starts anew after a rollback.

        Returns:
            Whether the networks are others now.
        """
        latest = Progress(step - 1, self.total_steps)
        teaches = self.method.needs_unlabeled(latest)
        waits = self.method.uses_unlabeled and latest.step < self.method.burn_in * latest.total
        if self.mode == OFF or not (teaches or waits):
            return False
        if not teaches or not self._reference:
            self._reference, self._reference_step = dict(row), step
            self._alive = living_classes(row, self.classes)
        findings = self._findings(row, latest) if teaches else []
        before, self._open = self._open, [[each.kind, each.class_name] for each in findings]
        for each in findings:
            if [each.kind, each.class_name] not in before:
                self._warn(step, each.kind, self._sentence(each))
        living = living_classes(row, self.classes)
        self._alive = [name for name in self.classes if name in self._alive or name in living]
        if self.mode != ROLLBACK:
            return False
        if not findings:
            self._good, self._good_row, self._good_step = good_state(self.method), dict(row), step
            return False
        return self._roll_back(step, findings, trainer)

    def _findings(self, row: Row, latest: Progress) -> list[Finding]:
        risen = (self.method.burn_in + self.method.ramp) * latest.total
        return find_collapse(
            row,
            self._reference,
            classes=self.classes,
            alive=self._alive,
            is_settled=latest.step >= risen,
            steps=latest.step + 1 - self._reference_step,
        )

    def _sentence(self, finding: Finding) -> str:
        by_itself = "" if self.mode == ROLLBACK else " (--guard rollback goes back by itself)"
        fact = finding.fact[0].upper() + finding.fact[1:]
        return f"{fact}; train again with {self.advise(finding)}{by_itself}."

    def _roll_back(self, step: int, findings: Sequence[Finding], trainer: pl.Trainer) -> bool:
        """Go back to the last good teachers, if they were better in what is wrong now."""
        kept = self._good_row.get("kept") or 0.0
        if not self._good or (kept < LEAST_KEPT and all(each.kind == FEW_KEPT for each in findings)):
            return False
        put_back(self.method, self._good)
        for optimizer in trainer.optimizers:
            optimizer.state.clear()  # moments of the gradients of other weights
        self.rollbacks += 1
        self.method.unlabeled_factor = factor_after(self.rollbacks)
        self._open = []  # what comes back is said again
        rest = f"the unlabeled terms weigh {self.method.unlabeled_factor:g} of what they did, from here on"
        if self.rollbacks == MOST_ROLLBACKS:
            rest = f"this was rollback {MOST_ROLLBACKS}, so the rest of the run trains on the labels alone"
        if step == self.total_steps:
            rest = "the run ends with them"
        self._warn(step, ROLLBACK, f"Went back to the teachers of step {self._good_step}; {rest}.")
        return True

    def _warn(self, step: int, kind: str, message: str) -> None:
        self.warnings.append({"step": step, "kind": kind, "message": message})
        self.console.say(f"step {step}: {message}")

    def state_dict(self) -> dict[str, Any]:
        """Return all that later decisions follow from."""
        return {
            "warnings": [dict(each) for each in self.warnings],
            "rollbacks": self.rollbacks,
            "reference": self._reference,
            "reference_step": self._reference_step,
            "alive": self._alive,
            "open": self._open,
            "good": self._good,
            "good_row": self._good_row,
            "good_step": self._good_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint, with the weight of the unlabeled terms of then."""
        held: Mapping[str, Any] = state_dict
        self.warnings = [dict(each) for each in held["warnings"]]
        self.rollbacks = int(held["rollbacks"])
        self._reference = dict(held["reference"])
        self._reference_step = int(held["reference_step"])
        self._alive = list(held["alive"])
        self._open = [list(each) for each in held["open"]]
        self._good = dict(held["good"])
        self._good_row = dict(held["good_row"])
        self._good_step = int(held["good_step"])
        self.method.unlabeled_factor = factor_after(self.rollbacks)
