"""This tab alone:  python -m tabs.words"""

from tabs.words import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
