"""Other guides: a classifier that guides, beside classifier-free guidance; and what a threshold does at high guidance."""

from tabs.guides import classifier, thresholds
from tabs.ui.controls import Shared
from tabs.ui.page import open_alone
from tabs.ui.subtabs import build_subtabs

TITLE = "Other guides"
ID = "guides"
SUBTABS = {
    "guides": ("Classifier guidance", classifier.build),
    "thresholds": ("Thresholding", thresholds.build),
}
"""ID -> (title, builder)."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs."""
    build_subtabs(shared, SUBTABS)


if __name__ == "__main__":
    open_alone(TITLE, build)
