"""This tab alone:  python -m tabs.denoise"""

from tabs.denoise import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
