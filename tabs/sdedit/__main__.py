"""This tab alone:  python -m tabs.sdedit"""

from tabs.sdedit import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
