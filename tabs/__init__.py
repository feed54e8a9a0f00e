"""The tabs, in display order; each module has TITLE, ID and build(shared)."""

from tabs import mnist

TABS = (mnist,)
