"""The layers of the package: a module imports from its own layer and from those below, never from above."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mutualseg

SOURCE = Path(mutualseg.__file__).parent

# A name stands for a module or for a folder with all its modules. Within a layer a module may import
# another; between two modules that is checked for loops.
LAYERS = (
    "errors types pixel_values addressing nearest typed_values occupied durations devices machine "
    "freed_memory threads seeding schedules configs atomic_files terminal wrapping shell_lines one_line "
    "plain_yaml step_numbers step_rows tensor_files",
    "views losses networks",
    "data evaluation",
    "optimization supervision methods",
    "links reporting runs run_room weights_files weights_facts provenance settings configuration_files",
    "skipped_list hub",
    "predictor resolving opened_data unusable_files",
    "engine exporting scoring predicting",
    "comparison suggesting",
    "run_report web_app",
    "api",
    "__init__",
    "command_line",
    "cli",
    "__main__",
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer.split()}


def _modules() -> dict[str, Path]:
    """Return every module by its name below the package, such as `data.folder`."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "__init__"] = path
    return found


MODULES = _modules()


def _top(module: str) -> str:
    return module.split(".", 1)[0]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module below the package) of each import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            if node.module == "mutualseg":
                for alias in node.names:
                    yield node.lineno, alias.name if alias.name in _names() else "__init__"
            elif node.module is not None and node.module.startswith("mutualseg."):
                package = node.module.removeprefix("mutualseg.")
                for alias in node.names:
                    inner = f"{package}.{alias.name}"
                    yield node.lineno, inner if inner in MODULES else package
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "mutualseg":
                    yield node.lineno, alias.name.partition(".")[2] or "__init__"


def _names() -> set[str]:
    return {_top(module) for module in MODULES}


def test_every_module_has_a_layer() -> None:
    assert _names() == set(RANK), "add a new module to LAYERS"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    upward = [
        f"{MODULES[module].relative_to(SOURCE)}:{line} imports {imported}"
        for line, imported in _imports(MODULES[module])
        if RANK[_top(imported)] > RANK[_top(module)]
    ]
    assert upward == []


def test_no_loops() -> None:
    edges = {
        module: {imported for _, imported in _imports(path) if imported != module and imported in MODULES}
        for module, path in MODULES.items()
    }
    # A registry names its methods by text, and a method imports the registry's folder: no loop.
    left = dict(edges)
    while left:
        free = [module for module, needed in left.items() if not needed & left.keys()]
        assert free, f"modules that import each other: {sorted(left)}"
        for module in free:
            del left[module]


def test_methods_know_neither_files_nor_trainer() -> None:
    for module, path in MODULES.items():
        if _top(module) in ("views", "losses", "networks", "methods"):
            text = path.read_text(encoding="utf-8")
            assert "pytorch_lightning" not in text, module
            assert not [name for _, name in _imports(path) if _top(name) == "data"], module


def test_no_module_shadows_a_public_function() -> None:
    public = {name for name in mutualseg.__all__ if not name.startswith("_")}
    assert public & _names() == set()
    assert public >= {"train", "evaluate", "predict", "split", "check", "compare", "load"}


_HEAVY = "torch torchvision pytorch_lightning timm matplotlib gradio onnx huggingface_hub"


def _heavy_after(code: str) -> str:
    """Return which slow modules a program has imported at its end."""
    last = f"print('heavy:', *sorted(set('{_HEAVY} numpy PIL'.split()) & set(sys.modules)))\n"
    program = f"import sys, mutualseg.cli\nfrom mutualseg.command_line.verbs import VERBS\n{code}{last}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].removeprefix("heavy:").strip()


def test_help_needs_no_torch() -> None:
    code = (
        "for words in (['--help'], ['--version'], *([verb, '--help'] for verb in VERBS)):\n"
        "    assert mutualseg.cli.main(words) == 0\n"
    )
    assert _heavy_after(code) == ""


@pytest.mark.parametrize(
    "words",
    [
        *(["evaluate"], ["report"], ["app"], ["suggest"], ["export"], ["push", "owner/name"]),
        *(["distill", "--encoder", "resnet18"], ["predict", ".", "--out", "x"]),
    ],
    ids=lambda words: words[0],
)
def test_a_misspelled_run_is_refused_before_torch_is_imported(words: list[str]) -> None:
    called = [words[0], "no/such/run", *words[1:]]
    found = _heavy_after(f"assert mutualseg.cli.main({called}) == 2\n")
    assert found.replace("numpy", "").replace("PIL", "").split() == []
