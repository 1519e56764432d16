"""What was trained on what, in pairs of a word and a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mutualseg.run_report.record import RunRecord

Facts = Sequence[tuple[str, str]]


def data_facts(record: RunRecord) -> Facts:
    """Return what a run was trained on."""
    config, split, summary = record.config, record.split, record.summary or {}
    found = [("data", f"{config.get('data')} ({config.get('layout', 'folder')} layout)")]
    if split is not None:
        wanted = config.get("labeled")
        how = f"--labeled {wanted}, " if wanted is not None else ""
        found.append(("labeled images", f"{split.labeled:,} ({how}split seed {config.get('split_seed', 0)})"))
        unused = " (not used by this method)" if record.method == "labels_only" else ""
        found.append(("unlabeled images", f"{split.unlabeled:,}{unused}"))
        held_out = ", held out from the labeled ones" if split.val_from == "held out" else ""
        found.append(("val images", f"{split.val:,}{held_out}"))
        found.append(("test images", f"{split.test:,}, never looked at in training"))
    folders = config.get("unlabeled") or []
    if folders:
        found.append(("unlabeled from", ", ".join(map(str, folders))))
    found.append(("classes", str(len(record.classes))))
    code = config.get("image_code")
    if isinstance(code, Mapping):
        found.append(("images are read as", f"{code.get('channels', 3)} bands, {code.get('kind', '8-bit')}"))
    if summary.get("weights_license", "") is not None and "weights_license" in summary:
        found.append(("license of the first weights", str(summary["weights_license"])))
    return found


def training_facts(record: RunRecord) -> Facts:
    """Return how a run was trained."""
    config, summary = record.config, record.summary or {}
    batches = f"{config.get('batch')} labeled"
    if record.method != "labels_only":
        batches += f" + {config.get('unlabeled_batch')} unlabeled"
    found = [
        ("method", record.method),
        ("network", f"{config.get('network')} on {config.get('encoder')}"),
        ("started from", _start(config)),
        *_teachers(config),
        ("steps", f"{config.get('steps')} of {batches} crops of {config.get('crop')} pixels"),
        ("seed", str(config.get("seed"))),
        ("computed on", f"{config.get('device')}, {_precision(config)}"),
        ("val looked at in", f"windows of {config['window']}" if config.get("window") else "whole images"),
    ]
    if "seconds" in summary:
        found.append(("time", duration(float(summary["seconds"]))))
    if summary.get("peak_memory_mb"):
        found.append(("memory", f"{summary['peak_memory_mb'] / 1000:.1f} GB at most"))
    return found


def version_facts(record: RunRecord) -> Facts:
    """Return the versions of what trained a run."""
    summary = record.summary or {}
    found = [(str(name), str(version)) for name, version in summary.get("versions", {}).items()]
    if summary.get("commit"):
        found.append(("commit", str(summary["commit"])))
    return found


def differing_settings(records: Sequence[RunRecord]) -> list[tuple[str, Sequence[str]]]:
    """Return each setting that is not the same in all runs, with its value in each."""
    flat = [_flattened(record.config) for record in records]
    names = dict.fromkeys(name for own in flat for name in own)
    rows = [(name, [str(own.get(name, "")) for own in flat]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def duration(seconds: float) -> str:
    """Return a time in the words of people, such as 12.3 min."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def role_in_words(role: str) -> str:
    """Return the role of a network, such as teacher a."""
    return role.replace("teachers_mean", "mean of both teachers").replace("_", " ")


def _teachers(config: Mapping[str, Any]) -> Facts:
    teachers = config.get("teachers")
    if not isinstance(teachers, Mapping):
        return []
    names = " and ".join(role_in_words(str(role)) for role in teachers["networks"])
    return [("taught by", f"{names} of {teachers['run']} ({teachers['network']} on {teachers['encoder']})")]


def _start(config: Mapping[str, Any]) -> str:
    if config.get("init"):
        return f"the network of {config['init']}"
    weights = str(config.get("weights"))
    return "random weights" if weights == "none" else f"weights of {weights}"


def _precision(config: Mapping[str, Any]) -> str:
    return "float32" if str(config.get("precision")) == "32" else str(config.get("precision"))


def _flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flattened(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
