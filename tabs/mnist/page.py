"""MNIST: everything that the digit models can show, one sub-tab per question."""

from dataclasses import replace

from tabs.mnist import algorithms, compare, denoiser, families, generate, learned, scoreboard, train
from tabs.ui.controls import Shared
from tabs.ui.inputs import Textbox
from tabs.ui.subtabs import build_subtabs

TITLE = "MNIST"
ID = "mnist"
SUBTABS = {
    "generate": ("Generate", generate.build),
    "compare": ("Same noise, two models", compare.build),
    "families": ("Three families", families.build),
    "learned": ("How it learned", learned.build),
    "train": ("Train it live", train.build),
    "denoiser": ("Single-step denoiser", denoiser.build),
    "algorithms": ("Networks and algorithms", algorithms.build),
    "scoreboard": ("Scoreboard", scoreboard.build),
}
"""ID -> (title, builder)."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs, which send pictures to each other."""
    kept = Textbox("", visible="hidden")  # mounted, so that it tells its changes
    build_subtabs(replace(shared, kept=kept), SUBTABS)
