"""This tab alone:  python -m tabs.fewer_steps"""

from tabs.fewer_steps import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
