"""Pictures with names: Noto's drawings and Tiny ImageNet's photos, all 64x64, with the words that ask for each.

They are stored as sheets of tiles. `emoji64` has one sheet.png and a names.tsv (code points, name, aliases) in its
order; `photos64` has one WNID.jpg of 500 photos per class and a classes.tsv (WNID, lemmas).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.datasets import data_folder, not_found
from core.models.captions import DRAWING_STYLES

SIDE = 64
PER_CLASS = 500
HELD_OUT = 10  # photos of each class, the last ones of its sheet: 2 %
FLAGS = ("1f1e", "1f1f")  # regional indicators, two of which make a flag; 1f17 - 1f19 are buttons with letters
LISTS = {name: Path(__file__).with_name(f"{name}.txt") for name in ("first", "everyday")}
"""Chosen drawings: training on a CPU begins with the 200 of "first", goes on with the 585 of "everyday", then all."""
WELL_KNOWN = ("goldfish", "lion", "school bus", "pizza", "beacon", "king penguin", "jellyfish", "monarch", "ladybug", "golden retriever",
              "tabby", "brown bear", "African elephant", "orange", "banana", "lemon", "sports car", "steel arch bridge", "cliff", "seashore")  # fmt: skip
"""Twenty well-known kinds of photo."""

CHOSEN = ("goldfish", "jellyfish", "brain coral", "king penguin", "ladybug", "monarch", "lion", "brown bear", "chimpanzee",
          "African elephant", "lesser panda", "bison", "orangutan", "guinea pig", "golden retriever", "Persian cat", "dugong",
          "beacon", "bullet train", "convertible", "sports car", "school bus", "tractor", "barn", "water tower", "obelisk",
          "triumphal arch", "viaduct", "teddy", "Christmas stocking", "orange", "lemon", "banana", "pizza", "espresso",
          "coral reef", "seashore", "lakeside", "alp", "cliff")  # fmt: skip
"""Forty kinds of photo that people know and that have one look: pocket knows these by name."""

DRAWING_TEMPLATES = ("an emoji of {}", "an emoji of {}", "a drawing of {}", "{}")
PHOTO_TEMPLATES = ("a photo of {}", "a photo of {}", "a high quality photo of {}", "a picture of {}", "{}")


def with_article(noun: str) -> str:
    """ "owl" -> "an owl"."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


@dataclass(frozen=True)
class Subject:
    """One thing that has pictures.

    Args:
        names: its names, the usual one first.
        photo: whether its pictures are photos.
        style: how it is drawn, a key of `core.models.captions.DRAWING_STYLES`; means nothing for a photo.
    """

    names: tuple[str, ...]
    photo: bool
    style: str = "emoji"

    @property
    def templates(self) -> tuple[str, ...]:
        """The captions that each of its names may have, with {} for the name and its article."""
        if self.photo:
            return PHOTO_TEMPLATES
        return DRAWING_TEMPLATES if self.style == "emoji" else (DRAWING_STYLES[self.style].of("{}"),)

    def captions(self) -> list[str]:
        """Every caption it may have. A name alone asks for an emoji or a photo: the other styles are always named."""
        bare = [n.lower() for n in self.names] if self.photo or self.style == "emoji" else []
        return [t.format(with_article(n)) for n in self.names for t in self.templates] + bare


def _tiles(path: Path) -> np.ndarray:
    """A sheet of 64x64 tiles -> (N, 64, 64, 3) uint8, row by row."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    return sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)


def photo_names(lemmas: str) -> tuple[str, ...]:
    """The everyday names in a comma-separated list of lemmas: no Latin binomials, at most three."""
    names = [n.strip() for n in lemmas.split(",")]
    everyday = [n for n in names if not re.fullmatch(r"[A-Z][a-z]+ [a-z]+", n) or n.split()[0] in _PROPER]
    return tuple((everyday or names)[:3])


_PROPER = {"European", "American", "Northern", "Maine", "Yorkshire", "Labrador", "German", "Persian", "Egyptian",
           "Arabian", "African", "Christmas", "Rocky"}  # fmt: skip


def photos(folder: str | Path | None = None) -> tuple[Tensor, list[Subject]]:
    """Tiny ImageNet's training photos, (200, 500, 64, 64, 3) uint8, and its 200 subjects in the same order.

    Raises:
        FileNotFoundError: one sentence that says where they were looked for.
    """
    lines = _classes(folder)
    images = np.empty((len(lines), PER_CLASS, SIDE, SIDE, 3), np.uint8)
    for place, (wnid, _) in zip(images, lines, strict=True):
        place[:] = _tiles(data_folder(folder) / "photos64" / f"{wnid}.jpg")
    return torch.from_numpy(images), photo_subjects(folder)


def photo_subjects(folder: str | Path | None = None) -> list[Subject]:
    """The subjects of `photos` without its pictures. Raises FileNotFoundError likewise."""
    return [Subject(photo_names(lemmas), True) for _, lemmas in _classes(folder)]


def _classes(folder: str | Path | None) -> list[list[str]]:
    """[WNID, lemmas] of each kind of photo."""
    root = data_folder(folder) / "photos64"
    if not (root / "classes.tsv").exists():
        raise not_found("photos64", root.parent)
    return [line.split("\t") for line in (root / "classes.tsv").read_text().splitlines()]


def emoji(which: str = "all", folder: str | Path | None = None) -> tuple[Tensor, list[Subject]]:
    """Noto's drawings on white, (N, 64, 64, 3) uint8, and their subjects.

    Args:
        which: "all" (without skin-tone variants and flags), or a key of LISTS.

    Raises:
        FileNotFoundError: one sentence that says where they were looked for.
    """
    root = data_folder(folder) / "emoji64"
    if not (root / "names.tsv").exists():
        raise not_found("emoji64", root.parent)
    lines = [(line + "\t\t").split("\t")[:3] for line in (root / "names.tsv").read_text().splitlines()]
    chosen = set(LISTS[which].read_text().splitlines()) if which in LISTS else None
    keep = [
        i
        for i, (code, name, _) in enumerate(lines)
        if "skin tone" not in name and not code.startswith(FLAGS) and (chosen is None or name in chosen)
    ]
    subjects = []
    for i in keep:
        _, name, aliases = lines[i]
        names = dict.fromkeys([name, *(a for a in aliases.split(";") if re.fullmatch(r"[a-z][a-z ]{2,}", a))])
        subjects.append(Subject(tuple(names), False))
    return torch.from_numpy(_tiles(root / "sheet.png")[keep].copy()), subjects


def unit(images: Tensor) -> Tensor:
    """(B, 64, 64, 3) uint8 -> (B, 3, 64, 64) float32 in [-1, 1]."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1
