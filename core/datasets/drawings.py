"""All of `drawings256` at its full size, 1,561 things as five sets of artists drew them, for pocket's upsampler."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.datasets.five_styles import LARGE, sheets, things

STYLES = ("noto", "twemoji", "fluent", "fluent-flat", "openmoji")
UNSEEN, CHECKED = 42, 10
"""The numbers of things kept out of the upsampler's training, in any style: for the benchmark, and for checks during
training."""
TWINS = re.compile(
    r"(^|-)(man|men|woman|women|person|people|boy|girl|couple|family|kiss|oclock|thirty|keycap|button|arrow|hands?|faces?"
    r"|cat|moon|japanese|symbol|flag|hearts?|square|circle|diamond|up|down|left|right|old|mrs?|index|finger|fist|ball|books?"
    r"|clock|zodiac|star|sign)(-|$)"
)
"""Words in the names of things with near twins (four o'clock, five o'clock). Such a thing is no test: training shows
its twin."""


@dataclass(frozen=True)
class Drawings:
    """All of the data set.

    Args:
        pixels: (5, N, 256, 256, 3) uint8, a memory map, by style and thing.
        slugs: the N things.
        there: (5, N) bool, False where the thing is missing in that style.
    """

    pixels: np.ndarray
    slugs: tuple[str, ...]
    there: np.ndarray

    def pairs(self, slugs: set[str], of: bool = True) -> np.ndarray:
        """(M, 2) the places (style, thing) with a drawing, of those things, or with of=False of all the others."""
        chosen = np.array([(slug in slugs) == of for slug in self.slugs])
        return np.argwhere(self.there & chosen)

    def take(self, pairs: np.ndarray) -> np.ndarray:
        """(M, 2) places -> (M, 256, 256, 3) uint8."""
        return np.stack([self.pixels[style, thing] for style, thing in pairs])


def unseen(slugs: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """The UNSEEN things and the CHECKED ones: the first by a hash of their slugs, so the list follows from the data."""
    order = sorted(filter(lambda slug: not TWINS.search(slug), slugs), key=_hash)
    return set(order[:UNSEEN]), set(order[UNSEEN : UNSEEN + CHECKED])


def _hash(slug: str) -> str:
    return hashlib.sha256(slug.encode()).hexdigest()


def drawings(cache: Path, folder: str | Path | None = None) -> Drawings:
    """The data set, decoded once into `cache`, a file of 1.5 GB that no repository should hold.

    Raises:
        FileNotFoundError: one sentence that says where it was looked for.
    """
    everything = things(folder)
    there = np.array([[artists not in thing.missing for thing in everything] for artists in STYLES])
    if not cache.exists():
        _decode(cache, len(everything), folder)
    return Drawings(np.load(cache, mmap_mode="r"), tuple(thing.slug for thing in everything), there)


def _decode(cache: Path, n: int, folder: str | Path | None) -> None:
    """All sheets into one .npy file, which appears whole or not at all."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    fresh = cache.with_suffix(".new")
    pixels = np.lib.format.open_memmap(fresh, "w+", np.uint8, (len(STYLES), n, LARGE, LARGE, 3))
    for i, artists in enumerate(STYLES):
        pixels[i] = sheets(artists, folder=folder)
    pixels.flush()
    os.replace(fresh, cache)
