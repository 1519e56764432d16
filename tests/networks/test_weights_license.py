"""Licenses of pretrained weights, and the line that tells the user."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import timm

from mutualseg.networks import weights_license
from mutualseg.networks.weights_license import OWN_FILE, UNKNOWN, license_line, license_of


@pytest.mark.parametrize(
    ("encoder", "weights", "expected"),
    [
        ("resnet50", "none", None),
        ("resnet50", "/somewhere/weights.safetensors", OWN_FILE),
        ("tf_efficientnet_lite0", "imagenet", "apache-2.0"),
        ("vit_small_patch14_dinov2.lvd142m", "imagenet", "apache-2.0"),
        ("convnextv2_atto.fcmae_ft_in1k", "imagenet", "cc-by-nc-4.0"),
        ("resnet50.no_such_tag", "imagenet", UNKNOWN),
    ],
)
def test_license_as_it_was_published(encoder: str, weights: str, expected: str | None) -> None:
    assert license_of(encoder, weights) == expected


@pytest.mark.parametrize(("published", "expected"), [("MIT", "mit"), (None, UNKNOWN)])
def test_lite0_without_its_package_has_timm_s_license(
    published: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_license, "OFFLINE_PACKAGE", "not_installed_here")
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: SimpleNamespace(license=published))
    assert license_of("tf_efficientnet_lite0", "imagenet") == expected


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("apache-2.0", "license apache-2.0"),
        (UNKNOWN, "license unknown; see the model's page"),
        (OWN_FILE, "your own file"),
        ("cc-by-nc-4.0", "NOT FOR COMMERCIAL USE: license cc-by-nc-4.0"),
        ("fair-noncommercial-research-license", "NOT FOR COMMERCIAL USE"),
        ("seer-license", "NOT FOR COMMERCIAL USE"),
        ("dinov3-license", "TERMS OF THEIR OWN, read them: license dinov3-license"),
        ("x\x1b[2J" * 40, "TERMS OF THEIR OWN"),
    ],
)
def test_line_for_the_user(name: str, says: str) -> None:
    line = license_line(name)
    assert line is not None
    assert says in line
    assert len(line) <= 80
    assert line.isprintable()


def test_no_weights_no_line() -> None:
    assert license_line(None) is None
