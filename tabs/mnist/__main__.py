"""This tab alone:  python -m tabs.mnist"""

from tabs.mnist import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
