"""What the committed summaries of docs/results say: the tables of docs/evidence.md.

Each summary is a summary.json as its run wrote it, named METHOD-LABELS-sSEED.json. Which network counts,
means, spreads and verdicts are those of `mutualseg compare`.

    python benchmarks/evidence.py            # print the tables
    python benchmarks/evidence.py --write    # put them into docs/evidence.md
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from mutualseg.comparison.aggregates import BASELINE, COLUMNS, table_of
from mutualseg.engine.summary import counted_network

DOCS = Path(__file__).parents[1] / "docs"
RESULTS, PAGE = DOCS / "results", DOCS / "evidence.md"
BEGIN, END = "<!-- tables of benchmarks/evidence.py -->", "<!-- end of the tables -->"
OURS = "mutual"
ORDER = (BASELINE, "mean_teacher", "cps", "fixmatch", "unimatch", "unimatch_v2", OURS)
LEARNED = 10.0
"""IoU in percent above which labels alone count as having learned a class."""

Row = dict[str, Any]


def rows_in(folder: Path) -> list[Row]:
    """Return a row per summary of a folder, as comparison.json has them."""
    return [_row(path) for path in sorted(folder.glob("*.json"))]


def _row(path: Path) -> Row:
    named = re.fullmatch(r"(?P<label>.+)-(?P<images>\d+)-s(?P<seed>\d+)", path.stem)
    if named is None:
        raise ValueError(f"{path} is not named METHOD-LABELS-sSEED.json")
    summary = json.loads(path.read_text(encoding="utf-8"))
    if (int(named["images"]), int(named["seed"])) != (summary["labeled_images"], summary["seed"]):
        raise ValueError(f"{path} has {summary['labeled_images']} labels and seed {summary['seed']}")
    counted = counted_network(summary["method"], summary["networks"], summary["deployed"])
    miou, test = summary["networks"][counted], summary.get("test", {})
    per_class = summary.get("networks_per_class_iou", {}).get(counted, summary["per_class_iou"])
    return {
        "label": named["label"],
        "method": summary["method"],
        "seed": summary["seed"],
        "labeled_images": summary["labeled_images"],
        "status": "finished",
        "steps": summary["steps"],
        "miou": miou,
        "test_miou": test["miou"] if test.get("network") == counted else None,
        "miou_best": max(miou, summary.get("networks_best", {}).get(counted, summary["miou_best"])),
        "minutes": summary["training_seconds"] / 60,
        "wall_minutes": summary["seconds"] / 60,
        "peak_memory_mb": summary.get("peak_memory_mb"),
        "commit": summary["commit"],
        "per_class_iou": per_class,
        "networks": summary["networks"],
        "phases": _phases(summary),
        "recipe": {name: summary.get(name) for name in ("optimization", "crop", "batch", "unlabeled_batch")},
        "machine": {name: summary.get(name) for name in ("device", "precision", "threads")},
    }


def _phases(summary: Row) -> tuple[float, ...] | None:
    """Return the shares of the run that its unlabeled terms wait, rise and are off again."""
    if summary["method"] == BASELINE:
        return None
    arguments = summary.get("method_arguments", {})
    return tuple(arguments.get(name, 0.0) for name in ("burn_in", "ramp", "cooldown"))


def labels_in(rows: Iterable[Row]) -> list[str]:
    """Return the labels of rows: methods in the order of the tables, then the others by name."""
    found = {row["label"] for row in rows}
    return [*(name for name in ORDER if name in found), *sorted(found.difference(ORDER))]


def methods_table(rows: Sequence[Row], part: str = "val") -> Iterator[str]:
    """Yield a table of methods by amount of labels, scored on val or test."""
    column = COLUMNS[part]
    asked = ("labels", "method", "each seed, last", "mean ± spread", "best", "gain", "mutual is")
    yield f"| {' | '.join(asked)} | steps | minutes | commits |"
    yield "|---:|---|---|---:|---:|---:|---|---:|---:|---|"
    for row in table_of(rows, labels_in(rows), {}, OURS, part):
        own = _of(rows, row["labeled_images"], row["label"])
        each = ", ".join(f"{seed}: {one[column]:.2f}" for seed, one in sorted(own.items()))
        spread = row[f"{column}_spread"]
        mean_and_spread = f"{row[column]:.2f}" + ("" if spread is None else f" ± {spread:.2f}")
        best = f"{row['miou_best']:.2f}" if part == "val" else "-"
        steps = "/".join(str(count) for count in sorted({one["steps"] for one in own.values()}))
        commits = ", ".join(sorted({one["commit"] for one in own.values()}))
        yield (
            f"| {row['labeled_images']} | {row['label']} | {each} | {mean_and_spread} "
            f"| {best} | {_signed(row['gain'])} | {row['verdict'] or '-'} "
            f"| {steps} | {row['minutes']:.1f} | {commits} |"
        )


def gap_table(rows: Sequence[Row], whole: Sequence[Row]) -> Iterator[str]:
    """Yield how much of the way from labels alone to all labels mutual goes, and which class loses most.

    Args:
        rows: of few labels.
        whole: of all labels.
    """
    ceiling, on_test = _ceiling(whole), _ceiling(whole, "test")
    asked = ("labels", "seed", "labels_only", "mutual", "of the gap closed", "on test")
    yield f"| {' | '.join(asked)} | least IoU kept of a learned class |"
    yield "|---:|---:|---:|---:|---:|---:|---|"
    for images in sorted({row["labeled_images"] for row in rows}):
        alone, ours = _of(rows, images, BASELINE), _of(rows, images, OURS)
        for seed in sorted(alone.keys() & ours.keys()):
            below, above = alone[seed], ours[seed]
            closed = _share_closed(below["miou"], above["miou"], ceiling)
            test = _share_closed(below["test_miou"], above["test_miou"], on_test)
            yield (
                f"| {images} | {seed} | {below['miou']:.2f} | {above['miou']:.2f} | {closed} | {test} "
                f"| {_worst_class(below, above)} |"
            )


def tuning_table(steps: Sequence[Row], tuning: Sequence[Row]) -> Iterator[str]:
    """Yield each method with its unlabeled terms at half, once and twice their weight."""
    yield "| method | labels | seed | half | as it is | twice |"
    yield "|---|---:|---:|---:|---:|---:|"
    found = {(row["label"], row["labeled_images"], row["seed"]): row["miou"] for row in (*steps, *tuning)}
    for row in tuning:
        if row["label"] not in (row["method"], f"{row['method']}-halved", f"{row['method']}-doubled"):
            raise ValueError(f"tuning run '{row['label']}' is neither as it is, halved nor doubled")
    tuned = sorted({(row["method"], row["labeled_images"], row["seed"]) for row in tuning}, key=_in_order)
    for method, images, seed in tuned:
        labels = (f"{method}-halved", method, f"{method}-doubled")
        scores = [_score(found.get((label, images, seed))) for label in labels]
        yield f"| {method} | {images} | {seed} | {' | '.join(scores)} |"


def ablation_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield each changed part beside the full recipe: the network that counts, and the other branch."""
    yield "| part | seed | labels | steps | last | less than the full recipe | branch b | less |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    full = {(row["seed"], row["labeled_images"]): row for row in rows if row["label"] == OURS}
    for label in labels_in(rows):
        for row in (row for row in rows if row["label"] == label):
            base = full.get((row["seed"], row["labeled_images"])) if label != OURS else None
            own, other = _branches(row)
            full_own, full_other = _branches(base) if base is not None else (None, None)
            cells = [_score(own), _less(own, full_own), _score(other), _less(other, full_other)]
            place = f"{row['seed']} | {row['labeled_images']} | {row['steps']}"
            yield f"| {label} | {place} | {' | '.join(cells)} |"


def require_one_recipe(rows: Iterable[Row]) -> None:
    """Raise ValueError unless runs had the same rates, crops and batches, and methods the same phases.

    Runs before summary.json told rates are taken at their word. What is ablated may have phases of its own.
    """
    rows = list(rows)
    said = [row for row in rows if row["recipe"]["optimization"]]
    phased = [row for row in rows if row["phases"] is not None and row["label"] == row["method"]]
    for name, alike in (("recipe", said), ("phases", phased)):
        for row in alike[1:]:
            if row[name] != alike[0][name]:
                names = " and ".join(
                    f"{one['label']}-{one['labeled_images']}-s{one['seed']}" for one in (alike[0], row)
                )
                raise ValueError(
                    f"{names} were trained with other rates, crops, batches or phases; compare like with like"
                )


def require_one_length(rows: Sequence[Row]) -> None:
    """Raise ValueError unless runs of one table had as many steps, and as far as they say one machine."""
    _require_same(rows, ("steps", *_MACHINE))


def require_one_program(rows: Sequence[Row]) -> None:
    """Raise ValueError unless runs of one table are of one commit and one machine: they had the same time."""
    _require_same(rows, ("commit", *_MACHINE))


_MACHINE = ("device", "precision", "threads")


def _require_same(rows: Sequence[Row], names: Sequence[str]) -> None:
    for name in names:
        values = {row["machine"].get(name, row.get(name)) for row in rows} - {None}
        if len(values) > 1:
            raise ValueError(f"runs of one table differ in {name}: {', '.join(map(str, sorted(values)))}")


def page_tables(results: Path) -> str:
    """Return all tables of a folder of results as Markdown.

    Raises:
        ValueError: runs that are set side by side had different rates, crops, batches or phases, runs of
            equal steps another number of them, of equal time another program, or either another machine.
    """
    folders = ("equal_steps", "equal_time", "ceiling", "tuning", "ablation")
    steps, time, whole, tuning, ablation = (rows_in(results / name) for name in folders)
    on_cpu, cpu_tuning, gpu_ablation = (
        rows_in(results / name) for name in ("cpu-equal-steps", "cpu-tuning", "gpu-ablation")
    )
    require_one_recipe([*steps, *time, *whole, *tuning, *ablation, *on_cpu, *cpu_tuning, *gpu_ablation])
    for alike in ([*steps, *tuning], [*ablation, *cpu_tuning], gpu_ablation, on_cpu):
        require_one_length(alike)
    require_one_program(time)
    time = [row | {"minutes": row["wall_minutes"]} for row in time]  # a budget counts evaluations too
    parts = [("Equal steps", methods_table(steps))]
    tested = _tested(steps)
    if tested:
        parts.insert(0, ("Equal steps, CamVid's test part", methods_table(tested, "test")))
    if whole:
        ceilings = f"{_score(_ceiling(whole))}, on test {_score(_ceiling(whole, 'test'))}"
        parts.append((f"The gap to all labels ({ceilings})", gap_table(steps, whole)))
    if on_cpu:
        parts.append(("Equal steps on a CPU", methods_table(on_cpu)))
    if time:
        parts.append(("Equal wall time on a CPU", methods_table(time)))
    if _tested(time):
        parts.append(("Equal wall time on a CPU, CamVid's test part", methods_table(_tested(time), "test")))
    if tuning:
        parts.append(("Tuning: the weight of the unlabeled terms", tuning_table(steps, tuning)))
    if cpu_tuning:
        parts.append(("The same on a CPU, half as many steps", tuning_table(ablation, cpu_tuning)))
    if ablation:
        parts.append(("Parts of mutual changed one at a time", ablation_table(ablation)))
    if gpu_ablation:
        parts.append(("Some of them on the H100", ablation_table(gpu_ablation)))
    return "\n".join(f"### {title}\n\n" + "".join(f"{line}\n" for line in lines) for title, lines in parts)


def _tested(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["test_miou"] is not None]


def in_page(page: str, tables: str) -> str:
    """Return the page with the tables between its two markers."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def _of(rows: Iterable[Row], images: int, label: str) -> dict[int, Row]:
    return {row["seed"]: row for row in rows if (row["labeled_images"], row["label"]) == (images, label)}


def _worst_class(alone: Row, ours: Row) -> str:
    """Return the class that labels alone learn and mutual keeps least of."""
    learned: Mapping[str, float] = {
        name: iou for name, iou in alone["per_class_iou"].items() if iou is not None and iou > LEARNED
    }
    if not learned:
        return "-"
    kept = {name: (ours["per_class_iou"][name] or 0.0) / iou for name, iou in learned.items()}
    worst = min(kept, key=lambda name: kept[name])
    now = ours["per_class_iou"][worst] or 0.0
    return f"{100 * kept[worst]:.0f} % ({worst}: {learned[worst]:.1f} to {now:.1f})"


def _ceiling(whole: Sequence[Row], part: str = "val") -> float | None:
    """Return the mean mIoU of runs with all labels on a part, where they were scored on it."""
    scored = [row[COLUMNS[part]] for row in whole if row[COLUMNS[part]] is not None]
    return mean(scored) if scored else None


def _share_closed(below: float | None, above: float | None, ceiling: float | None) -> str:
    """Return how much of the way up is done; nothing where labels alone are above all labels already."""
    if below is None or above is None or ceiling is None or ceiling <= below:
        return "-"
    return f"{100 * (above - below) / (ceiling - below):.0f} %"


def _in_order(tuned: tuple[str, int, int]) -> tuple[int, int, int]:
    method, images, seed = tuned
    return ORDER.index(method), images, seed


def _branches(row: Row) -> tuple[float, float | None]:
    """Return the mIoU of the network that counts, and that of the other branch's teacher."""
    return row["miou"], row["networks"].get("teacher_b")


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _less(value: float | None, full: float | None) -> str:
    return _signed(None if value is None or full is None else full - value)


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put them into the page")
    tables = page_tables(RESULTS)
    if parser.parse_args().write:
        PAGE.write_text(in_page(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables)


if __name__ == "__main__":
    main()
