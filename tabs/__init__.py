"""The tabs, in display order; each module has TITLE, ID and build(shared), and TAKES_PICTURES if others send to it."""

from tabs import anagrams, denoise, hybrids, inpainting, mnist, sampling, sdedit

TABS = (denoise, sampling, sdedit, inpainting, anagrams, hybrids, mnist)
