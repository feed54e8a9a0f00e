"""This tab alone:  python -m tabs.anagrams"""

from tabs.anagrams import page
from tabs.ui.page import open_alone

open_alone(page.TITLE, page.build)
