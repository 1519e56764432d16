"""The wheel, installed in an environment of its own, away from the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that holds the wheel; its dependencies are borrowed from this one, by path."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    own = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    )
    # A path in a .pth file is appended, and .pth files in it are not read: the wheel's package wins.
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_wheel_holds_the_presets_the_types_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "mutualseg/configs/mkd_reference.yaml" in names
    assert len([name for name in names if name.startswith("mutualseg/configs/voc_")]) == 8
    assert "mutualseg/py.typed" in names
    assert "mutualseg/run_report/templates/one_run.html" in names
    assert "mutualseg/run_report/templates/style.css" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs", "benchmarks"))]


def test_installed_package_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    place = run(installed / "python", "-c", "import mutualseg; print(mutualseg.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(installed.parent)


def test_command_knows_its_version_and_presets(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "mutualseg", "--version", cwd=tmp_path).startswith("mutualseg 0.")
    assert "mutualseg train --data" in run(installed / "mutualseg", "--help", cwd=tmp_path)
    found = run(
        installed / "python",
        "-c",
        "from mutualseg.configuration_files import preset_names, read_configuration as read\n"
        "print(len(preset_names()), {read(name)['method']['name'] for name in preset_names()})",
        cwd=tmp_path,
    )
    assert found.strip() == "13 {'mutual'}"


def test_help_imports_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    loaded = run(
        installed / "python",
        "-c",
        "import sys; from mutualseg.cli import main; main(['train', '--help'])\n"
        "print('heavy:', sorted({'torch', 'numpy', 'timm', 'matplotlib'} & set(sys.modules)))",
        cwd=tmp_path,
    )
    assert loaded.strip().splitlines()[-1] == "heavy: []"
