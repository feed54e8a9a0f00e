"""Fewer steps: what a deterministic sampler allows, and networks that were taught to need few steps."""

from tabs.fewer_steps import inversion, roads, students
from tabs.ui.controls import Shared
from tabs.ui.page import open_alone
from tabs.ui.subtabs import build_subtabs

TITLE = "Fewer steps"
ID = "fewer_steps"
SUBTABS = {
    "roads": ("One noise, many roads", roads.build),
    "inversion": ("Inversion", inversion.build),
    "students": ("Students", students.build),
}
"""ID -> (title, builder)."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs."""
    build_subtabs(shared, SUBTABS)


if __name__ == "__main__":
    open_alone(TITLE, build)
