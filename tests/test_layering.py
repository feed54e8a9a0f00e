"""The rooms of the house: app -> tabs -> core -> torch, training -> core, benchmarks -> core; read from the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODELS = {"diffusers", "transformers", "accelerate"}
FORBIDDEN = {
    "core": {"gradio", "argparse", "app", "tabs", "training", "benchmarks", "tests"},
    "tabs": {"torch", "torchvision", *MODELS, "app", "training", "benchmarks", "tests"},
    "app.py": {"torch", "torchvision", *MODELS, "training", "benchmarks", "tests"},
    "training": {"gradio", "app", "tabs", "benchmarks", "tests"},
    "benchmarks": {"gradio", "app", "tabs", "training", "tests"},
}
FILES = {
    room: sorted((ROOT / room).rglob("*.py")) if (ROOT / room).is_dir() else sorted(ROOT.glob(room))
    for room in FORBIDDEN
}
EVERY_FILE = [
    pytest.param(room, file, id=str(file.relative_to(ROOT))) for room, files in FILES.items() for file in files
]
CORE_FILES = [pytest.param(file, id=str(file.relative_to(ROOT))) for file in FILES["core"]]


def imports(source: str, lazy: bool = True) -> set[str]:
    """Top-level names of all imported packages; with lazy=False, only of those imported when the module is."""
    nodes, found = [ast.parse(source)], set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
        elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)
    return found


def calls(source: str) -> set[str]:
    """Plain names that are called."""
    nodes = ast.walk(ast.parse(source))
    return {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


@pytest.mark.parametrize("room, file", EVERY_FILE)
def test_a_room_imports_only_from_below(room, file):
    assert imports(file.read_text()) & FORBIDDEN[room] == set()


@pytest.mark.parametrize("file", CORE_FILES)
def test_core_prints_nothing(file):
    assert "print" not in calls(file.read_text())


@pytest.mark.parametrize("file", CORE_FILES)
def test_core_imports_foreign_models_only_when_they_are_loaded(file):
    assert imports(file.read_text(), lazy=False) & MODELS == set()


def test_core_loads_no_foreign_library():
    """In a fresh interpreter, since this one has met diffusers in other tests."""
    foreign = {"diffusers", "transformers", "gradio"}
    code = f"import sys, core, core.samplers, core.registry; print({foreign} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_readers_of_the_source_see():
    source = "import a.b as c\nclass D:\n    import d\n\ndef f():\n    from e.g import h\n    print(h.i())"
    assert imports(source) == {"a", "d", "e"}
    assert imports(source, lazy=False) == {"a", "d"}
    assert calls(source) == {"print"}
