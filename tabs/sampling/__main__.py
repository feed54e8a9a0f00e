"""This tab alone:  python -m tabs.sampling"""

from tabs.sampling import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
