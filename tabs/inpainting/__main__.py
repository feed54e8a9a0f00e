"""This tab alone:  python -m tabs.inpainting"""

from tabs.inpainting import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
