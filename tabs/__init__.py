"""The tabs. Each is a file of this folder, or a folder with `page.py`. It has TITLE, ID and build(shared), and
TAKES_PICTURES if other tabs send pictures to it."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

TABS = (
    "score_field",
    "denoise",
    "sampling",
    "guides",
    "interpolation",
    "words",
    "fewer_steps",
    "sdedit",
    "inpainting",
    "anagrams",
    "hybrids",
    "mnist",
)
"""Their names, in display order."""


def tab(name: str) -> ModuleType:
    """The tab of that name, imported by this call."""
    folder = find_spec(f"tabs.{name}").submodule_search_locations
    return import_module(f"tabs.{name}.page" if folder else f"tabs.{name}")
