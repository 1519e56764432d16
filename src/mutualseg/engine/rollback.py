"""The last good teachers of a run: kept, and put back into teachers and students alike."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.methods.base import Method
from mutualseg.networks.segmenter import Segmenter

MOST_ROLLBACKS = 3
"""The last of them turns the unlabeled terms off for what is left of the run."""


def factor_after(rollbacks: int) -> float:
    """Return the factor on the unlabeled terms: halved at each rollback, 0 from the last one on."""
    return 0.0 if rollbacks >= MOST_ROLLBACKS else 0.5**rollbacks


def good_state(method: Method) -> dict[str, Tensor]:
    """Return a copy on the CPU of teachers, statistics and thresholds, and of students without a teacher."""
    left_out = tuple(f"{role}." for role in _teachers_by_student(method))
    return {
        name: tensor.detach().to("cpu", copy=True)
        for name, tensor in method.state_dict().items()
        if not name.startswith(left_out)
    }


@torch.no_grad()
def put_back(method: Method, state: dict[str, Tensor]) -> None:
    """Give a method what `good_state` returned; each student becomes a copy of its branch's teacher."""
    own = method.state_dict()
    for name, tensor in state.items():
        own[name].copy_(tensor)
    students = method.students()
    for role, teacher in _teachers_by_student(method).items():
        students[role].load_state_dict(teacher.state_dict())


def _teachers_by_student(method: Method) -> dict[str, Segmenter]:
    """Return the teacher of each student's own branch, by the student's role."""
    networks = method.networks()
    own = {role: role.replace("student", "teacher") for role in method.students()}
    return {role: networks[teacher] for role, teacher in own.items() if teacher in networks}
