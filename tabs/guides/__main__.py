"""This tab alone:  python -m tabs.guides"""

from tabs.guides import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
