"""This tab alone:  python -m tabs.score_field"""

from tabs.score_field import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
