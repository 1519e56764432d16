"""How rare classes are among the labels, and what an image's pixels of them are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FLOOR = 1e-4
"""Least share of a class: one that no label shows is not worth infinitely much."""
PRIOR = 0.05
"""Of each class so much of one image counts as labeled: with none the first pixels would be worth all."""


def class_weights(shares: Floats) -> Floats:
    """Return the weight of each class [K], whose mean over labeled pixels is 1.

    w_k = f_k^(-1/2) / sum_j f_j f_j^(-1/2): inverse frequency under a square root. A class of a hundredth
    of another's pixels weighs ten times as much: with a hundred times, what is mistaken for it would decide.

    Args:
        shares: f, the share of each class among the labeled pixels [K]; raised to 1e-4 at least.
    """
    raised = np.maximum(shares, FLOOR)
    raised = raised / raised.sum()
    weights = raised**-0.5
    return np.asarray(weights / (raised * weights).sum())


def class_gains(held: Floats, added: Floats) -> Floats:
    """Return what images add to the classes that are labeled already, [N].

    sum_k ln(1 + m_k / M_k): M_k is how much of class k the labeled and the chosen images hold (1 is one image
    full of it), m_k how much this image likely holds. The first pixels of a rare class count for much, more
    of a common one for little, and once an image of a class is chosen the next one counts for less. It is
    what sum_k ln M_k gains, a monotone submodular function.

    Args:
        held: M, [K], without `PRIOR`, which is added here.
        added: m, [N,K].
    """
    return np.asarray(np.log1p(added / (held + PRIOR)).sum(1))


RARE = 0.25
"""A class is rare if it has less of the labeled pixels than this part of an even share."""
_LEAST_PREDICTED = 0.0005
"""Share of an image's pixels from which on a class is said to be predicted in it."""


def rare_classes(
    predicted: npt.NDArray[np.uint8], shares: Floats, names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return the rare classes that are predicted in an image, with their share of its pixels, rarest first.

    Args:
        predicted: class indices [H,W].
        shares: of each class among the labeled pixels, [K].
        names: of the classes.
    """
    count = len(shares)
    own = np.bincount(predicted.ravel(), minlength=count)[:count] / predicted.size
    rare = [
        index
        for index in np.argsort(shares, kind="stable").tolist()
        if shares[index] < RARE / count and own[index] >= _LEAST_PREDICTED
    ]
    return tuple((names[index], float(own[index])) for index in rare)
