"""What a model card says of models of all kinds, without a run."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mutualseg.errors import ConfigError
from mutualseg.hub.card_license import checked_license, front_matter_license, license_paragraph
from mutualseg.hub.model_card import model_card
from mutualseg.hub.published_settings import published_settings

SUMMARY: dict[str, Any] = {
    "method": "mutual",
    "steps": 1200,
    "seed": 3,
    "labeled_images": 23,
    "unlabeled_images": 1344,
    "val_images": 101,
    "val_from": "part",
    "miou": 61.25,
    "miou_best": 63.5,
    "select": "last",
    "pixel_accuracy": 88.0,
    "per_class_iou": {"road": 90.0, "pole": 32.5},
    "deployed": "teacher_a",
    "versions": {"torch": "2.9"},
}
NETWORK = {"network": "deeplabv3plus", "encoder": "tf_efficientnet_lite0", "num_classes": 2}
FACTS: dict[str, Any] = {
    "network": NETWORK,
    "classes": ["road", "pole"],
    "weights_license": "apache-2.0",
    "image_code": {"channels": 3, "kind": "8-bit"},
}
SETTINGS: dict[str, Any] = {
    "data": "/home/me/secret",
    "unlabeled": ["/home/me/more"],
    "labeled": "/home/me/list.txt",
    "weights": "imagenet",
    "init": None,
    "group": "^(patient.*)_",
    "method": {"name": "mutual", "threshold": 0.9},
    "batch": 4,
    "unlabeled_batch": 4,
    "crop": 192,
}


def card(
    summary: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, license: str | None = None
) -> str:
    config = published_settings({**FACTS, **(facts or {})}, SETTINGS, "0.1")
    return model_card("me/roads", {**SUMMARY, **(summary or {})}, config, license=license)


def front(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_paths_of_the_run_are_nowhere() -> None:
    text = card() + str(published_settings(FACTS, SETTINGS, "0.1"))
    assert "/home" not in text
    assert "patient" not in text


def test_numbers_of_images() -> None:
    text = card()
    assert "- 23 images with masks to learn from" in text
    assert "- 1,344 images without masks to learn from" in text
    assert "- 101 images to score on, a part of their own" in text
    assert "with so few" not in text
    assert "1,344" not in card({"method": "labels_only"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"val_images": 7}, "of 7 val images: with so few"),
        ({"val_images": 1}, "of 1 val image: with so few"),
        ({"val_from": "held out"}, "held out of the training images at random"),
        ({"select": "best"}, "chosen by its score on the val images"),
        ({"per_class_iou": {"road": 90.0, "pole": None}}, "No val image holds pole"),
        ({"per_class_iou": {"road": 90.0, "pole": 2.0}}, "IoU is below 10 percent for pole"),
        ({"warnings": [{"step": 400, "kind": "x", "message": "y"}]}, "found to be failing at step 400"),
        ({"gain": -0.5}, "labels alone scored as well"),
    ],
)
def test_limits_are_said_where_they_are(changes: dict[str, Any], said: str) -> None:
    assert said in card(changes)
    assert said not in card()


def test_a_score_on_test_is_told() -> None:
    assert "scored on no test part" in card()
    tested = card({"test": {"miou": 55.5}})
    assert "| mIoU on a test part | 55.50 |" in tested
    assert "scored on no test part" not in tested


def test_the_best_network_has_the_best_score() -> None:
    assert "| mIoU | 61.25 |" in card()
    assert "| mIoU | 63.50 |" in card({"select": "best"})
    (found,) = front(card({"select": "best"}))["model-index"][0]["results"]
    assert found["metrics"][0]["value"] == 0.635


def test_names_of_classes_only_show() -> None:
    names = ["<script>alert(1)</script>", "a|b", "![x](http://e)", "`x`", "---\n"]
    values = dict.fromkeys(names, 1.0)
    text = card({"per_class_iou": values}, {"classes": names})
    for bad in ("<script>", "a|b |", "![x]", "\n---\n\n"):
        assert bad not in text.split("---\n", 2)[2]
    assert "| a\\|b | 1.00 |" in text
    assert front(text)["library_name"] == "mutualseg"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"channels": 3, "kind": "8-bit"}, "takes RGB images"),
        ({"channels": 1, "kind": "16-bit"}, "takes images of one channel in 16-bit numbers"),
        ({"channels": 5, "kind": "float"}, "takes images of 5 channels in floating-point numbers"),
    ],
)
def test_images_that_it_takes(code: dict[str, Any], said: str) -> None:
    assert said in card(facts={"image_code": code})


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (None, {}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("My Own", {"license": "other", "license_name": "my-own"}),
    ],
)
def test_licenses_as_the_hub_takes_them(given: str | None, lines: dict[str, str]) -> None:
    license = checked_license(given)
    assert front_matter_license(license) == lines
    found = front(card(license=license))
    assert {name: value for name, value in found.items() if name.startswith("license")} == lines


@pytest.mark.parametrize("name", ["", " ", "a\nb", "../x", "x" * 65, "[x](y)"])
def test_no_licenses(name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a license"):
        checked_license(name)


@pytest.mark.parametrize(
    ("of_start", "start", "said"),
    [
        (None, "none", "started from no pretrained weights"),
        ("own file", "own file", "whose license is not known here"),
        ("unknown", "imagenet", "whose license is not known; see"),
        (
            "dinov3-license",
            "imagenet",
            "from pretrained weights under `dinov3-license`, whose terms",
        ),
        ("cc-by-nc-4.0", "another run", "from another model under `cc-by-nc-4.0`"),
    ],
)
def test_the_license_of_the_start_is_passed_on(of_start: str | None, start: str, said: str) -> None:
    assert said in license_paragraph(None, of_start, start)
    assert "has not said under which license" in license_paragraph(None, of_start, start)
    assert "published under `mit`" in license_paragraph("mit", of_start, start)
