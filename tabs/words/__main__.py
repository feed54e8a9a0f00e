"""This tab alone:  python -m tabs.words"""

from tabs.ui.page import open_alone
from tabs.words import page

open_alone(page.TITLE, page.build)
