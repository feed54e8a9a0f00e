"""Things in five styles: `drawings256`, 1,561 things as five sets of artists drew them, 256x256 on white.

Per style four sheets of tiles, STYLE-0.webp ... STYLE-3.webp, with 20 tiles a row and 400 a sheet, and one names.tsv in
their order (slug, name, aliases, styles in which the thing is missing). A missing thing's tile is white.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.datasets import data_folder, not_found

STYLES = ("noto", "twemoji", "fluent", "fluent-flat", "openmoji")
SIDE, PER_ROW, PER_SHEET = 256, 20, 400
UNSEEN, CHECKED = 42, 10
"""Things that no upsampler is trained on, in any style: those that judge it, and those that are looked at meanwhile."""
TWINS = re.compile(
    r"(^|-)(man|men|woman|women|person|people|boy|girl|couple|family|kiss|oclock|thirty|keycap|button|arrow|hands?|faces?"
    r"|cat|moon|japanese|symbol|flag|hearts?|square|circle|diamond|up|down|left|right|old|mrs?|index|finger|fist|ball|books?"
    r"|clock|zodiac|star|sign)(-|$)"
)
"""What has near twins among the others (four o'clock, five o'clock) is no test: it was seen, nearly."""


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
        """(M, 2) places (style, thing) that are there, of those things, or with of=False of all the others."""
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
    root = data_folder(folder) / "drawings256"
    if not (root / "names.tsv").exists():
        raise not_found("drawings256", root.parent)
    lines = [(line + "\t\t\t").split("\t")[:4] for line in (root / "names.tsv").read_text().splitlines()]
    there = np.array([[style not in missing.split(";") for *_, missing in lines] for style in STYLES])
    if not cache.exists():
        _decode(root, cache, len(lines))
    return Drawings(np.load(cache, mmap_mode="r"), tuple(slug for slug, *_ in lines), there)


def _decode(root: Path, cache: Path, n: int) -> None:
    """All sheets into one .npy file, which appears whole or not at all."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    fresh = cache.with_suffix(".new")
    pixels = np.lib.format.open_memmap(fresh, "w+", np.uint8, (len(STYLES), n, SIDE, SIDE, 3))
    for i, style in enumerate(STYLES):
        for k, first in enumerate(range(0, n, PER_SHEET)):
            sheet = np.asarray(Image.open(root / f"{style}-{k}.webp").convert("RGB"))
            tiles = sheet.reshape(len(sheet) // SIDE, SIDE, PER_ROW, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
            pixels[i, first : first + PER_SHEET] = tiles[: n - first]
    pixels.flush()
    os.replace(fresh, cache)
