"""How well chosen images stand for all others: facility location over features, weighted by uncertainty.

With few labels, images that stand for many beat the most uncertain ones alone, which are outliers and alike
(Yang et al. 2017 choose so for biomedical segmentation; Sener and Savarese 2018; Hacohen et al. 2022).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def standardized(features: Floats) -> Floats:
    """Return features [N,D] around their mean, at a mean squared length of 1, so that networks compare."""
    centered = features - features.mean(0, keepdims=True)
    length = math.sqrt(float(np.einsum("nd,nd->n", centered, centered).mean(dtype=np.float64)))
    return np.asarray(centered / np.float32(length if length > 0 else 1), np.float32)


def squared_distances(one: Floats, other: Floats) -> Floats:
    """Return the squared Euclidean distances of features [N,D] and [M,D], [N,M]."""
    products = one @ other.T
    lengths = (one**2).sum(1)[:, None] + (other**2).sum(1)[None]
    return np.asarray(np.maximum(lengths - 2 * products, 0), np.float32)


def reach(distances: Floats, chosen: int) -> float:
    """Return the squared distance over which one of `chosen` images can stand for others.

    The median distance of an image to its (N / chosen)-th nearest: among so many it is the one.

    Args:
        distances: squared, [N,N], of all images from each other.
        chosen: how many images there will be that stand for others, labeled ones included.
    """
    count = len(distances)
    nearest = min(count - 1, max(1, round(count / max(1, chosen))))
    if count < 2:
        return 1.0
    found = float(np.median(np.partition(distances, nearest, axis=1)[:, nearest]))
    return found if found > 0 else 1.0


def similarity(distances: Floats, reach: float) -> Floats:
    """Return exp(-d^2 / reach), in [0, 1], of squared distances."""
    return np.asarray(np.exp(-distances / np.float32(reach)), np.float32)


def coverage_gains(similarities: Floats, covered: Floats, weights: Floats) -> npt.NDArray[np.float64]:
    """Return what each candidate adds to the coverage F = sum_j u_j max_i s_ij, [N].

    Args:
        similarities: s, of N candidates to M images, [N,M].
        covered: max over what is labeled or chosen of its similarity to each of the M images, [M].
        weights: u, how uncertain each of the M images is, [M].
    """
    better = np.maximum(similarities - covered[None], 0)
    return np.asarray(better @ weights, np.float64)
