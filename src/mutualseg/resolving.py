"""From what a user gave `train` to resolved settings: every `auto` and every default is decided here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from statistics import median
from typing import Any, get_args

from mutualseg.data.cache_choice import Cache
from mutualseg.data.class_balance import median_frequency_weights, pixels_per_class
from mutualseg.data.decoded_images import can_share
from mutualseg.data.duplicates import identical_to
from mutualseg.data.encoding import Encoding
from mutualseg.data.folder import DataFolder
from mutualseg.data.image_survey import find_code
from mutualseg.data.images import image_size, known_sizes
from mutualseg.data.mask_codes import MaskCode
from mutualseg.data.masks import check_mask
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample
from mutualseg.data.splits import Split
from mutualseg.errors import ConfigError
from mutualseg.machine import cores
from mutualseg.nearest import unknown_name
from mutualseg.supervision import BALANCED

AUTO = "auto"
GENERATED = "generated"
"""`--data generated`: the embedded data set."""

_DEFAULT_STEPS = {"cpu": 1200, "mps": 3000, "cuda": 10000}
_LARGEST_CROP = {"cpu": 192, "mps": 320, "cuda": 512}
_CROP_MULTIPLE = 32
SMALLEST_CROP = 16
"""Below it most encoders have less than one pixel to look at."""
_EVALUATIONS = 5
_SAMPLED_IMAGES = 50
CHECKED_UNLABELED = 20_000
"""How many unlabeled files `refuse_bad_files` opens at most."""


def require_whole_numbers(**given: object) -> None:
    """Raise ConfigError for the first option, by its name, that is neither None nor a whole number."""
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise ConfigError(
                f"--{name.replace('_', '-')} is {value!r}, which is not a whole number; give one, such as 3."
            )


def resolve_images(
    source: DataFolder, split: Split, channels: int | None, *, skip_broken: bool = False
) -> tuple[DataFolder, list[str]]:
    """Return the folder with what its images are read as, and sentences for the user about it.

    All training images count, whether their masks are used or not, so that amounts of labels have the same.

    Args:
        source: the data folder.
        split: of it, with the images of `--unlabeled` folders.
        channels: of `--channels`.
        skip_broken: see `find_code`.

    Raises:
        ConfigError, ImageError: `channels` is no whole number, or the images do not fit it, or each other.
    """
    require_whole_numbers(channels=channels)
    training = (SampleIndex.of(split.labeled) + SampleIndex.of(split.unlabeled)).sorted_by_name()
    code, notes = find_code(training, (*split.val, *split.test), channels, skip_broken=skip_broken)
    return replace(source, encoding=replace(source.encoding, images=code)), notes


def default_workers(devices: int = 1) -> int:
    """Return how many loader processes per stream fit beside the trainings on this machine: 1 on 2 cores."""
    return max(1, min(8, cores() // (2 * devices)))


def resolve_cache(cache: str) -> str:
    """Return where decoded images are kept; how much is free there is asked when a run starts or goes on."""
    if cache == AUTO:
        return "memory" if can_share() else "off"
    if cache not in get_args(Cache):
        raise ConfigError(f"--cache {cache} is unknown; give auto, memory, file or off.")
    return cache


def default_labeled(data: str) -> int | None:
    """Return how many labels are kept when the user does not say: all, but for the embedded data."""
    if data == GENERATED:
        from mutualseg.data.generated import GENERATED_LABELED

        return GENERATED_LABELED
    return None


def resolve_method(method: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return `name` and every argument of a method, defaults filled in.

    Raises:
        ConfigError: the method or an argument is unknown.
    """
    from mutualseg.methods import method_class

    given = {"name": method} if isinstance(method, str) else dict(method)
    name = str(given.pop("name", "mutual"))
    found = method_class(name)
    return {"name": name, **_fill(found, given, f"method.{{}} of '{name}'", skip=("build_network",))}


def resolve_views(views: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument of the views that is the user's, defaults filled in."""
    from mutualseg.views.pipelines import NOT_SET_BY_USERS, UnlabeledViews

    filled = _fill(UnlabeledViews, views, "views.{}", skip=NOT_SET_BY_USERS)
    UnlabeledViews(64, **{key: _frozen(value) for key, value in filled.items()})  # checks the values
    return filled


def resolve_optimization(optimization: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument of the optimization, defaults filled in."""
    from mutualseg.optimization import Optimization

    unknown = set(optimization) - {field.name for field in fields(Optimization)}
    if unknown:
        _fill(Optimization, optimization, "optimization.{}")
    return _plain(vars(Optimization(**optimization)))


def resolve_supervision(supervision: Mapping[str, Any]) -> dict[str, Any]:
    """Return every argument of the supervised loss, defaults filled in; `balanced` weights stay a word."""
    from mutualseg.supervision import Supervision

    filled = _fill(Supervision, supervision, "supervision.{}")
    return dict(vars(Supervision(**filled)))


def refuse_other_class_count(
    supervision: Mapping[str, Any], classes: Sequence[str], shown: str = "--supervision.class_weights"
) -> None:
    """Raise ConfigError, which calls the weights as `shown`, if there are some and not one for each class."""
    weights = supervision["class_weights"]
    if not isinstance(weights, str) and len(weights) != len(classes):
        plural = "s" if len(weights) > 1 else ""
        raise ConfigError(
            f"{shown} holds {len(weights)} number{plural}, but there are {len(classes)} "
            f"classes ({classes[0]} to {classes[-1]}); give one number for each, in this order."
        )


def resolve_class_weights(
    supervision: Mapping[str, Any], labeled: Sequence[Sample], classes: Sequence[str], code: MaskCode
) -> tuple[dict[str, Any], str | None]:
    """Return the supervised loss with `balanced` weights as numbers, and what to say of them.

    They are counted on the labeled masks.

    Args:
        supervision: as `resolve_supervision` returns it.
        labeled: training images whose masks have been checked.
        classes: names.
        code: of the masks.

    Raises:
        ConfigError: there are weights, and not one for each class.
    """
    refuse_other_class_count(supervision, classes)
    if supervision["class_weights"] != BALANCED:
        return dict(supervision), None
    pixels = pixels_per_class(labeled, code, len(classes))
    weights = median_frequency_weights(pixels)
    low, high = weights.index(min(weights)), weights.index(max(weights))
    note = f"class weights: {weights[low]:g} ({classes[low]}) to {weights[high]:g} ({classes[high]})"
    missing = [name for name, count in zip(classes, pixels.sum(axis=0), strict=True) if count == 0]
    if missing:
        note += f"; no labeled mask holds {', '.join(missing)}, so 1 there"
    return {**supervision, "class_weights": weights}, note


def resolve_rates(optimization: Mapping[str, Any], network: str, encoder: str) -> dict[str, Any]:
    """Return every argument of the optimization; rates that are not given are those of the encoder."""
    from mutualseg.optimization import default_rates

    resolved = resolve_optimization(optimization)
    rates = default_rates(network, encoder, resolved["optimizer"])
    return resolved | {name: rate for name, rate in rates.items() if resolved[name] is None}


def resolve_crop(crop: int | None, split: Split, device: str) -> int:
    """Return the side of training crops: the images' short side, rounded down and bounded by the device.

    Raises:
        ConfigError: an explicit crop exceeds twice the median short side.
    """
    first = len(split.labeled)
    total = first + len(split.unlabeled)
    places = range(0, total, max(1, total // _SAMPLED_IMAGES))
    samples = [split.labeled[i] if i < first else split.unlabeled[i - first] for i in places]
    sizes = known_sizes(sample.image for sample in samples)  # of a million, not all have been looked at
    short = median(map(min, sizes or [image_size(samples[0].image)]))
    if crop is None:
        fitting = int(short) // _CROP_MULTIPLE * _CROP_MULTIPLE
        return max(_CROP_MULTIPLE, min(fitting, _LARGEST_CROP[device]))
    if crop < SMALLEST_CROP:
        raise ConfigError(f"--crop {crop} is too small; give at least {SMALLEST_CROP} pixels.")
    if crop > 2 * short:
        raise ConfigError(
            f"--crop {crop} is more than twice the images' median short side of {short:.0f} pixels, "
            f"so most of each crop would be padding; use at most {int(2 * short)}."
        )
    return crop


def leak_note(split: Split) -> str | None:
    """Return a warning if training images are, byte for byte, images of val or test.

    `make_split` drops such unlabeled images; a split file may still name them. Of more than
    `CHECKED_UNLABELED` training images only the labeled ones are compared, if those are not more either.
    """
    scored = [sample.image for sample in (*split.val, *split.test)]
    training = [sample.image for sample in split.labeled]
    if len(training) > CHECKED_UNLABELED:
        return (
            f"{len(training)} labeled images were not compared with those of val and test, as they are so "
            "many; mutualseg check does it."
        )
    if len(training) + len(split.unlabeled) <= CHECKED_UNLABELED:
        training += [sample.image for sample in split.unlabeled]
    leaks = identical_to(training, scored)
    if not leaks:
        return None
    return (
        f"{len(leaks)} training images are identical to images of val or test, so scores come out too high "
        f"({min(leaks)}); mutualseg check names them."
    )


def refuse_bad_files(split: Split, num_classes: int, encoding: Encoding) -> None:
    """Read what a run needs, so that a bad file stops it before it starts: images that have a mask whole.

    Of an unlabeled image the header is read: one that is cut short shows when it is used. So does a bad
    header among more than `CHECKED_UNLABELED` unlabeled files, of which so many are looked at, evenly
    spaced: the stream returns it as a `BadFile`, which ends the run with its name.

    Raises:
        DataError: for the first bad file.
    """
    refuse_bad_samples((*split.labeled, *split.val, *_evenly(split.unlabeled)), num_classes, encoding)


def refuse_bad_samples(samples: Iterable[Sample], num_classes: int, encoding: Encoding) -> None:
    """Read samples that have a mask whole, and of the others the header.

    Raises:
        DataError: for the first bad file.
    """
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda sample: look_at(sample, num_classes, encoding), samples):
            pass


def look_at(sample: Sample, num_classes: int, encoding: Encoding) -> None:
    """Read a sample whole if it has a mask, else its header; a DataError says what is wrong with it."""
    if sample.mask is None:
        encoding.images.look(sample.image)
    else:
        height, width, _ = encoding.images.read(sample.image).shape
        check_mask(encoding.masks.read(sample.mask), (height, width), num_classes, sample.mask)


def _evenly(samples: Sequence[Sample]) -> list[Sample]:
    """Return at most `CHECKED_UNLABELED` of the samples, first and last among them."""
    return [samples[place] for place in checked_places(len(samples))]


def checked_places(count: int) -> list[int]:
    """Return the places, of so many unlabeled files, of those that are looked at before a run."""
    most = min(count, CHECKED_UNLABELED)
    return [i * (count - 1) // max(1, most - 1) for i in range(most)]


def default_steps(device: str) -> int:
    """Return the length of a run that the user left open."""
    return _DEFAULT_STEPS[device]


def evaluation_interval(evaluate_every: int | None, steps: int) -> int:
    """Return steps between evaluations: a fifth of the run if the user left it open."""
    if evaluate_every is not None and evaluate_every < 1:
        raise ConfigError(f"--evaluate-every {evaluate_every} must be at least 1 step.")
    return evaluate_every or max(1, -(-steps // _EVALUATIONS))


def _fill(
    target: type[object], given: Mapping[str, Any], label: str, skip: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the constructor's defaults overlaid with the given values."""
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if name not in skip
    }
    for name in given:
        if name not in parameters:
            raise ConfigError(
                unknown_name(label.format(name), name, parameters, "--" + label.split(".")[0] + ".")
            )
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    return _plain(defaults | dict(given))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as YAML writes them: tuples become lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
