"""Time and memory of the closed form of the semantic augmentation, beside the pixels x K x D form.

Both update the class statistics with a batch, half of it labeled, and augment its logits. Rounds
of the two alternate, so that a busy machine slows both. On CUDA the peak is the allocator's; on a
CPU it is that of the tensors that operations return and that are alive at once.

    python benchmarks/semantic_augmentation.py --side 64 --json out.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.types import BranchOutput
from operations import EachOperation

STRENGTH = 1.0


class LivePeak:
    """Tracks the peak of the bytes held by tensors that operations return, as `EachOperation` notes them."""

    def __init__(self) -> None:
        self.holders: Counter[int] = Counter()  # tensors alive per storage, by its address
        self.live = self.peak = 0

    def note(self, _: Callable[..., object], args: tuple[object, ...], result: object) -> None:
        """Count what an operation returned."""
        given = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves(args) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                address, size = leaf.untyped_storage().data_ptr(), leaf.untyped_storage().nbytes()
                if self.holders[address] == 0:
                    if address in given:
                        continue  # a view of something made before
                    self.live += size
                    self.peak = max(self.peak, self.live)
                self.holders[address] += 1
                weakref.finalize(leaf, self._release, address, size)

    def _release(self, address: int, size: int) -> None:
        self.holders[address] -= 1
        if self.holders[address] == 0:
            self.live -= size


def slow_perturb(branch: BranchOutput, labels: Tensor) -> Tensor:
    """Do what `perturb` does with pixels x K x D tensors, from fresh statistics."""
    weight, classes = branch.classifier_weight, len(branch.classifier_weight)
    targets = torch.cat([labels, branch.logits[len(labels) :].argmax(dim=1)])
    count = torch.zeros(classes, 1, device=weight.device)
    mean = variance = torch.zeros_like(weight)
    augmented = []
    for part in (slice(len(labels)), slice(len(labels), None)):
        c = targets[part].flatten()
        pixels = branch.features[part].permute(0, 2, 3, 1).flatten(0, 2)
        mine = torch.nn.functional.one_hot(c, classes).to(pixels)[:, :, None]  # [N,K,1]
        number = mine.sum(dim=0)
        new_mean = (pixels[:, None, :] * mine).sum(dim=0) / number.clamp(min=1)
        new_variance = ((pixels[:, None, :] - new_mean).square() * mine).sum(dim=0) / number.clamp(min=1)
        share = number / (count + number).clamp(min=1)
        variance = (
            (1 - share) * variance + share * new_variance + share * (1 - share) * (mean - new_mean).square()
        )
        mean, count = (1 - share) * mean + share * new_mean, count + number
        apart = (weight[None] - weight[c][:, None]).square()  # [N,K,D]
        shift = STRENGTH / 2 * (variance[c][:, None] * apart).sum(dim=2)
        logits = branch.logits[part]
        images, _, height, width = logits.shape
        augmented.append(logits + shift.view(images, height, width, classes).permute(0, 3, 1, 2))
    return torch.cat(augmented)


def both_passes(form: Callable[[], Tensor]) -> Callable[[], None]:
    """Return the form's forward and backward pass."""
    return lambda: form().sum().backward()


def timed(run: Callable[[], None], device: torch.device) -> float:
    """Return the milliseconds of one run."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the run before this one ended so, too
    return 1000 * (time.perf_counter() - start)


def peak_megabytes(run: Callable[[], None], device: torch.device) -> float:
    """Return the memory that one run needs on top of its inputs."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return float(torch.cuda.max_memory_allocated(device) - before) / 2**20
    tracked = LivePeak()
    with EachOperation(tracked.note):
        run()
    return tracked.peak / 2**20


def main() -> None:
    """Print one line per form and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    for name, value in (("images", 16), ("classes", 21), ("features", 256), ("side", 32), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    device, side, classes = torch.device(options.device), options.side, options.classes
    maps = torch.randn(options.images, options.features, side, side, device=device)
    maps = maps.contiguous(memory_format=torch.channels_last)  # as networks return them
    weight = torch.randn(classes, options.features, device=device) / options.features**0.5
    logits = torch.einsum("kd,bdhw->bkhw", weight, maps).requires_grad_()
    labels = torch.randint(0, classes, (options.images // 2, side, side), device=device)

    def closed_form() -> Tensor:
        state = ClassStatistics(classes, options.features).to(device)
        return perturb(BranchOutput(logits, maps, weight, state), labels, STRENGTH)

    def slow_form() -> Tensor:
        return slow_perturb(BranchOutput(logits, maps, weight, ClassStatistics(1, 1)), labels)

    forms = {"closed form": closed_form, "pixels x K x D": slow_form}
    torch.testing.assert_close(closed_form(), slow_form(), rtol=1e-4, atol=1e-4)  # and warms both up
    passes = {name: both_passes(form) for name, form in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(options.rounds):
        for name, run in passes.items():
            times[name].append(timed(run, device))
    given = ("images", "classes", "features", "side", "threads")
    shape = {key: getattr(options, key) for key in given}
    rows = [
        {
            "form": name,
            "device": str(device),
            **shape,
            "median_ms": round(statistics.median(times[name]), 3),
            "peak_mb": round(peak_megabytes(run, device), 6),
        }
        for name, run in passes.items()
    ]
    print(f"{shape} on {device}, median of {options.rounds} alternating rounds")
    for row in rows:
        print(f"{row['form']:>15}: {row['median_ms']:>10.1f} ms {row['peak_mb']:>10.1f} MB")
    ratios = [rows[1][key] / rows[0][key] for key in ("median_ms", "peak_mb")]
    print(f"the closed form takes 1/{ratios[0]:.0f} of the time and 1/{ratios[1]:.0f} of the memory")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
