"""The rooms of the house: app -> tabs -> core -> torch, training -> core, benchmarks -> core; read from the imports.

Inside core the floors are checks, locks < diffusion < pictures < techniques < models < runs; datasets serve training,
benchmarks, and the one run that trains on digits. Imports inside of functions count.
"""

import ast
import functools
import importlib
import re
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


READS_DATA = {"core.runs.digit_data"}
FLOORS = ("checks", "wording", "locks", "diffusion", "pictures", "techniques", "models", "runs")
PROGRAM = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in [*(f for files in FILES.values() for f in files)]
}
WORDS = sorted([*ROOT.glob("*.md"), *(ROOT / "tabs").rglob("*.md"), *(ROOT / "checkpoints").glob("*.md")])
PATHS = re.compile(r"(?<![\w./-])(?:core|tabs|training|benchmarks|tests)/[\w/]+\.(?:py|txt|json|md)\b")
DOTTED = re.compile(r"(?<![\w./-])(?:core|tabs|training|benchmarks)(?:\.\w+)+")


@functools.cache
def linked() -> dict[str, set[str]]:
    """Every module of the program and those that it imports, inside of functions too."""
    links: dict[str, set[str]] = {}
    for name, file in PROGRAM.items():
        found = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        links[name] = (found & PROGRAM.keys()) - {name}
    return links


def circle(links: dict[str, set[str]]) -> list[str]:
    """A way from a module back to itself; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next((c for other in sorted(links[name]) if (c := walk(other, [*way, name]))), [])
        done.add(name)
        return found

    return next((c for name in sorted(links) if (c := walk(name, []))), [])


def resolves(dotted: str) -> bool:
    """Whether there is a module, a thing in a module, or an attribute of a class under that dotted name."""
    parts = dotted.split(".")
    for k in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for part in parts[k:]:
            thing = getattr(thing, part, getattr(thing, "__dataclass_fields__", {}).get(part))
            if thing is None:
                return False
        return True
    return False


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


@pytest.mark.slow
def test_core_loads_no_foreign_library():
    """In a fresh interpreter, since this one has met diffusers in other tests."""
    foreign = {"diffusers", "transformers", "gradio"}
    code = f"import sys, core, core.diffusion.samplers, core.models.registry; print({foreign} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("name", [n for n in PROGRAM if n.startswith("core.") and n.count(".") > 0])
def test_no_floor_of_core_imports_one_above_it(name):
    floor = name.split(".")[1]
    if floor == "datasets":
        return
    above = FLOORS[FLOORS.index(floor) + 1 :] + ("datasets",) * (name not in READS_DATA)
    assert not [other for other in linked()[name] if other.split(".")[1:2] and other.split(".")[1] in above]


def test_no_imports_go_round_in_a_circle():
    assert circle(linked()) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize("file", [*PROGRAM.values(), *WORDS], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_dotted_name_in_words_resolves(file):
    """Of docstrings, comments, formula panels and README."""
    text = file.read_text()
    names = {name for name in DOTTED.findall(text) if not name.isupper() and "NAME" not in name}
    assert {name for name in names if not resolves(name)} == set()
    assert {path for path in PATHS.findall(text) if "NAME" not in path and not (ROOT / path).exists()} == set()


def test_the_readers_of_the_source_see():
    source = "import a.b as c\nclass D:\n    import d\n\ndef f():\n    from e.g import h\n    print(h.i())"
    assert imports(source) == {"a", "d", "e"}
    assert imports(source, lazy=False) == {"a", "d"}
    assert calls(source) == {"print"}
