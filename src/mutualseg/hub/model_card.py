"""The model card: README.md of a model on the Hub, for people who did not train it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mutualseg.hub.card_license import front_matter_license, license_paragraph
from mutualseg.hub.card_limits import limits_of
from mutualseg.hub.downloads import LIBRARY
from mutualseg.hub.markdown import escaped
from mutualseg.methods import method_class


def model_card(
    name: str,
    summary: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    license: str | None = None,
) -> str:
    """Return the card of a model as Markdown under the YAML that the Hub reads.

    Args:
        name: `OWNER/MODEL`.
        summary: of its run, as in summary.json.
        config: as `published_settings` returns it.
        license: of the model, in the Hub's words; None: its maker has not said.
    """
    classes = [str(each) for each in config.get("classes") or summary["per_class_iou"]]
    front = yaml.safe_dump(
        _front_matter(name, summary, config, license), sort_keys=False, allow_unicode=True, width=100
    )
    sections = [
        f"---\n{front}---",
        f"# {escaped(name.rpartition('/')[2])}",
        _introduction(summary, config, classes),
        "## How to use it",
        _usage(name, config),
        "## Data",
        _data(summary, classes),
        "## Scores",
        _scores(summary),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits_of(summary, config)),
        "## License",
        license_paragraph(license, config.get("weights_license"), config.get("starting_weights")),
        "## How it was trained",
        _training(summary, config),
    ]
    return "\n\n".join(sections) + "\n"


def headline(summary: Mapping[str, Any]) -> float:
    """Return the val mIoU in percent of the network that is published."""
    return float(summary["miou_best" if summary.get("select") == "best" else "miou"])


def _front_matter(
    name: str, summary: Mapping[str, Any], config: Mapping[str, Any], license: str | None
) -> dict[str, Any]:
    score = {"type": "mean_iou", "value": round(headline(summary) / 100, 6), "name": "val mIoU"}
    result = {
        "task": {"type": "image-segmentation", "name": "Semantic segmentation"},
        "dataset": {"type": "own", "name": "own images, held out of training", "split": "validation"},
        "metrics": [score],
    }
    return {
        "library_name": LIBRARY,
        "pipeline_tag": "image-segmentation",
        **front_matter_license(license),
        "tags": ["semantic-segmentation", "semi-supervised", LIBRARY],
        "metrics": ["mean_iou"],
        "model-index": [{"name": name.rpartition("/")[2], "results": [result]}],
    }


def _introduction(summary: Mapping[str, Any], config: Mapping[str, Any], classes: Sequence[str]) -> str:
    network = config["network"]
    return (
        f"Semantic segmentation into {len(classes)} classes: a {escaped(network['network'])} on "
        f"{escaped(network['encoder'])}, trained with mutualseg "
        f"from {_images_of(summary)} by the method `{summary['method']}`. It takes {_images(config)} of any "
        "size, and gives each pixel a class."
    )


def _images_of(summary: Mapping[str, Any]) -> str:
    labeled = f"{_count(summary, 'labeled_images')} labeled"
    if not _uses_unlabeled(summary):
        return f"{labeled} images alone"
    return f"{labeled} and {_count(summary, 'unlabeled_images')} unlabeled images"


def _uses_unlabeled(summary: Mapping[str, Any]) -> bool:
    return bool(method_class(str(summary["method"])).uses_unlabeled)


def _images(config: Mapping[str, Any]) -> str:
    code = config.get("image_code") or {}
    channels, kind = code.get("channels", 3), code.get("kind", "8-bit")
    if (channels, kind) == (3, "8-bit"):
        return "RGB images"
    bands = "one channel" if channels == 1 else f"{channels} channels"
    numbers = "floating-point numbers" if kind == "float" else f"{kind} numbers"
    return f"images of {bands} in {numbers}"


def _usage(name: str, config: Mapping[str, Any]) -> str:
    return (
        "```\npip install mutualseg\n```\n\n"
        "```python\nimport mutualseg\n\n"
        f'model = mutualseg.load("hf://{name}")\n'
        'mask = model.predict("photo.jpg")  # class indices, uint8 [height, width]\n'
        "print(model.classes)\n```\n\n"
        f"```\nmutualseg predict hf://{name} photos/ --out masks/\n```\n\n"
        "The weights are one safetensors file, without any code."
    )


def _data(summary: Mapping[str, Any], classes: Sequence[str]) -> str:
    held = {"held out": ", held out of the labeled ones", "part": ", a part of their own"}
    lines = [
        f"- {_count(summary, 'labeled_images')} images with masks to learn from",
        f"- {_count(summary, 'val_images')} images to score on{held.get(str(summary.get('val_from')), '')}",
        f"- {len(classes)} classes, in the order of their indices: " + ", ".join(map(escaped, classes)),
    ]
    if _uses_unlabeled(summary):
        lines.insert(1, f"- {_count(summary, 'unlabeled_images')} images without masks to learn from")
    skipped = len(summary.get("skipped_images") or ())
    if skipped:
        lines.append(f"- {skipped} images were left out, since they could not be read")
    return "\n".join(lines) + "\n\nThe images themselves are not part of this model."


def _scores(summary: Mapping[str, Any]) -> str:
    values = summary["per_class_iou"]
    at = f"at the last of {summary['steps']} steps"
    best = summary.get("select") == "best"
    chosen = f"; the network of the best evaluation on the same images, {at} it was {summary['miou']:.2f}"
    lines = [
        f"On the {_count(summary, 'val_images')} val images, in percent, seed {summary['seed']}:",
        "",
        "| what | value |",
        "|---|---:|",
        f"| mIoU | {headline(summary):.2f} |",
        f"| pixel accuracy, {at} | {summary['pixel_accuracy']:.2f} |",
        *_baseline_rows(summary),
        "",
        f"| class | IoU {at} |",
        "|---|---:|",
        *(
            f"| {escaped(each)} | {'absent from val' if v is None else f'{v:.2f}'} |"
            for each, v in values.items()
        ),
    ]
    note = f"mIoU is the mean over the classes that val holds{chosen if best else f', {at}'}."
    return "\n".join([*lines, "", note])


def _baseline_rows(summary: Mapping[str, Any]) -> list[str]:
    rows = []
    test = summary.get("test")
    if isinstance(test, Mapping) and isinstance(test.get("miou"), int | float):
        rows.append(f"| mIoU on a test part | {test['miou']:.2f} |")
    twin = summary.get("baseline")
    if isinstance(twin, Mapping) and isinstance(twin.get("miou"), int | float):
        rows.append(f"| mIoU of the same training on the labels alone | {twin['miou']:.2f} |")
    return rows


def _training(summary: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    training = config.get("training", {})
    unlabeled = f" and {training.get('unlabeled_batch')} unlabeled" if _uses_unlabeled(summary) else ""
    versions = summary.get("versions") or {}
    made = ", ".join(f"{escaped(each)} {escaped(v)}" for each, v in versions.items())
    return (
        f"{summary['steps']} steps of {training.get('batch')} labeled{unlabeled} "
        f"crops of {training.get('crop')} pixels, seed {summary['seed']}; the published network is "
        f"`{summary['deployed']}`. `config.json` has every setting. Made with {made}."
    )


def _count(summary: Mapping[str, Any], name: str) -> str:
    value = summary.get(name)
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"
