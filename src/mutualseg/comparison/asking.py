"""From the arguments of `compare` to its parts: every list, default and `auto` is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mutualseg import opened_data, resolving
from mutualseg.comparison.amounts import make_amounts
from mutualseg.comparison.preparing import Comparison, prepare
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.variants import make_variants
from mutualseg.comparison.words import listed, seeds_of
from mutualseg.data.splits import make_split
from mutualseg.devices import resolve_device, resolve_precision
from mutualseg.durations import parse_duration, parse_interval
from mutualseg.engine.preparation import require_at_least
from mutualseg.errors import ConfigError
from mutualseg.evaluation.inference_options import read_window
from mutualseg.methods import method_class
from mutualseg.networks.build import resolve_encoder

_DEFAULT_SEEDS = (0, 1)


def asked_comparison(
    *,
    data: str,
    layout: str,
    ignore: int | None,
    channels: int | None,
    out: Path,
    unlabeled: Sequence[Path],
    methods: object,
    labeled: object,
    seeds: object,
    ablation: object,
    variants: Path | None,
    steps: int | None,
    budget: str | None,
    split: str,
    group: str | None,
    split_seed: int,
    batch: int,
    unlabeled_batch: int | None,
    accumulate: int,
    crop: int | None,
    network: str,
    encoder: str,
    weights: str,
    device: str,
    precision: str,
    workers: int | None,
    cache: str,
    evaluate_every: int | None,
    window: int | str | None,
    checkpoint_every: str | int,
    views: Mapping[str, Any],
    optimization: Mapping[str, Any],
    supervision: Mapping[str, Any],
    quiet: bool,
) -> Comparison:
    """Return what `mutualseg.compare` is asked for; see there. Nothing is written yet.

    Raises:
        MutualSegError: some of it cannot be.
    """
    if steps is not None and budget is not None:
        raise ConfigError("--steps and --budget exclude each other; use one of them.")
    require_at_least(
        steps=(steps, 1),
        batch=(batch, 2),
        unlabeled_batch=(unlabeled_batch, 2),
        accumulate=(accumulate, 1),
        workers=(workers, 0),
        evaluate_every=(evaluate_every, 1),
        channels=(channels, 1),
    )
    if budget is not None:
        parse_duration(budget, "budget")
    parse_interval(checkpoint_every, "checkpoint-every")
    side = read_window(window)
    resolving.resolve_cache(cache)
    chosen_encoder = resolve_encoder(network, encoder)
    base = {
        "views": resolving.resolve_views(views),
        "optimization": resolving.resolve_rates(optimization, network, chosen_encoder),
        "supervision": resolving.resolve_supervision(supervision),
    }
    chosen = make_variants(listed(methods, "methods"), listed(ablation, "ablation"), variants, **base)
    known_seeds = seeds_of(seeds, _DEFAULT_SEEDS)
    resolved_device = resolve_device(device)
    source = opened_data.read_data(data, layout=layout, ignore=ignore, quiet=quiet)
    resolving.refuse_other_class_count(base["supervision"], source.classes)
    for variant in chosen:
        shown = f"supervision.class_weights of '{variant.label}'"
        resolving.refuse_other_class_count(variant.supervision, source.classes, shown)
    # Of all labels, so that what images are read as and the crop do not depend on the amounts compared.
    whole = make_split(source, unlabeled=unlabeled, split_seed=split_seed, group=group)
    source, _ = resolving.resolve_images(source, whole, channels)
    amounts = make_amounts(
        source,
        listed(labeled, "labeled") or [resolving.default_labeled(data)],
        unlabeled=unlabeled,
        split_seed=split_seed,
        group=group,
        needs_unlabeled=any(method_class(variant.method["name"]).uses_unlabeled for variant in chosen),
    )
    shared = Shared(
        data=data if data == resolving.GENERATED else str(Path(data).absolute()),
        layout=source.layout,
        ignore=ignore,
        channels=source.encoding.images.channels,
        unlabeled=[str(path.absolute()) for path in unlabeled],
        group=group,
        split_seed=split_seed,
        steps=steps or (None if budget is not None else resolving.default_steps(resolved_device)),
        budget=budget,
        batch=batch,
        unlabeled_batch=unlabeled_batch,
        accumulate=accumulate,
        crop=resolving.resolve_crop(crop, whole, resolved_device),
        network=network,
        encoder=chosen_encoder,
        weights=str(Path(weights).absolute()) if Path(weights).is_file() else weights,
        device=resolved_device,
        precision=resolve_precision(precision, resolved_device),
        evaluate_every=evaluate_every,
        window=side,
        workers=workers,
        cache=cache,
        checkpoint_every=checkpoint_every,
        quiet=quiet,
    )
    return prepare(
        out=out,
        shared=shared,
        source=source,
        variants=chosen,
        amounts=amounts,
        seeds=known_seeds,
        base=base,
        split=split,
    )
