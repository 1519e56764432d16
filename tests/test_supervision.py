from __future__ import annotations

import re
from typing import Any

import pytest

from mutualseg.data.mask_codes import INDICES
from mutualseg.errors import ConfigError, RunError
from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.resolving import refuse_other_class_count, resolve_class_weights, resolve_supervision
from mutualseg.settings import Settings
from mutualseg.supervision import Supervision


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("none", "none"),
        ("balanced", "balanced"),
        ("1,2.5", [1.0, 2.5]),
        ("[1, 2.5]", [1.0, 2.5]),
        ([1, 2], [1.0, 2.0]),
        ((0, 2), [0.0, 2.0]),
    ],
)
def test_class_weights_are_read(given: Any, read: object) -> None:
    assert Supervision(class_weights=given).class_weights == read
    assert resolve_supervision({"class_weights": given})["class_weights"] == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"class_weights": "balance"}, "'balance' is neither|balance is neither none, balanced nor"),
        ({"class_weights": 3}, "3 is neither none, balanced nor a list"),
        ({"class_weights": [1, -2]}, "must be numbers from 0 on"),
        ({"class_weights": [1, float("nan")]}, "must be numbers from 0 on"),
        ({"class_weights": "inf,1"}, "must be numbers from 0 on"),
        ({"class_weights": [0, 0]}, "one at least above 0"),
        ({"class_weights": []}, "one at least above 0"),
        ({"loss": "hinge"}, "no loss 'hinge'; use cross_entropy, ohem, focal, dice, cross_entropy_dice"),
        ({"focal_gamma": 1.0}, "focal_gamma 1.0 is for --supervision.loss focal, not for cross_entropy"),
        (
            {"loss": "dice", "dice_weight": 2.0},
            "dice_weight 2.0 is for --supervision.loss cross_entropy_dice",
        ),
        ({"loss": "focal", "focal_gamma": -1.0}, "focal_gamma is -1.0; give 0 or more"),
        ({"loss": "focal", "focal_gamma": float("nan")}, "focal_gamma is nan"),
        ({"loss": "ohem", "ohem_threshold": 0.0}, "ohem_threshold is 0.0; give a probability"),
        ({"loss": "ohem", "ohem_threshold": 70.0}, "ohem_threshold is 70.0; give a probability"),
        ({"loss": "ohem", "ohem_keep": -0.5}, "ohem_keep is -0.5; give 0 or more"),
        ({"loss": "ohem", "ohem_threshold": "abc"}, "ohem_threshold is 'abc', which is not a number"),
        ({"loss": "focal", "focal_gamma": None}, "focal_gamma is None, which is not a number"),
        ({"loss": "ohem", "ohem_keep": True}, "ohem_keep is True, which is not a number"),
        ({"loss": ["ohem"]}, "no loss"),
        ({"los": "ohem"}, "did you mean --supervision.loss"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve_supervision(given)


def test_the_number_of_weights_is_that_of_the_classes() -> None:
    for weights in ("none", "balanced", [1, 2]):
        refuse_other_class_count(resolve_supervision({"class_weights": weights}), ["sky", "rest"])
    said = re.escape("holds 3 numbers, but there are 2 classes (sky to rest)")
    with pytest.raises(ConfigError, match=said):
        refuse_other_class_count(resolve_supervision({"class_weights": "1,2,3"}), ["sky", "rest"])
    with pytest.raises(ConfigError, match="holds 1 number, but there are 2"):
        resolve_class_weights(resolve_supervision({"class_weights": [4]}), [], ["sky", "rest"], INDICES)


def test_every_option_reaches_the_loss() -> None:
    loss = Supervision(loss="ohem", class_weights="1,2", ohem_threshold=0.6, ohem_keep=9).build()
    assert isinstance(loss, SupervisedLoss)
    assert (loss.loss, loss.ohem_threshold, loss.ohem_keep) == ("ohem", 0.6, 9)
    assert loss.class_weights is not None
    assert loss.class_weights.tolist() == [1, 2]
    assert Supervision(loss="focal", focal_gamma=3).build().focal_gamma == 3
    assert Supervision(loss="cross_entropy_dice", dice_weight=3).build().dice_weight == 3
    usual = Supervision().build()
    assert (usual.loss, usual.class_weights) == ("cross_entropy", None)


def test_settings_from_before_there_was_a_choice() -> None:
    values: dict[str, Any] = dict.fromkeys(
        name for name in Settings.__dataclass_fields__ if name not in ("supervision", "with_baseline")
    )
    assert Settings.from_dict(values, "config.yaml").supervision == resolve_supervision({})
    del values["optimization"]
    with pytest.raises(RunError, match="optimization"):
        Settings.from_dict(values, "config.yaml")
