"""This tab alone:  python -m tabs.hybrids"""

from tabs.hybrids import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
