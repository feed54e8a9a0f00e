"""Words in the picture: where each word of a prompt acts, and what the network makes of it inside."""

from tabs.ui.controls import Shared
from tabs.ui.subtabs import build_subtabs
from tabs.words import maps, network

TITLE = "Words in the picture"
ID = "words"
SUBTABS = {
    "words": ("Maps of words", maps.build),
    "network": ("The network from inside", network.build),
}
"""ID -> (title, builder)."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs."""
    build_subtabs(shared, SUBTABS)
