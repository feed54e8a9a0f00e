"""Everyday things, each drawn in five styles: `drawings256`, sheets of 256x256 tiles with a names.tsv in their order.

Per artists four sheets, ARTISTS-0.webp ... ARTISTS-3.webp, 20 tiles in a row. A pair of a thing and a style is missing in
the data (its tile is white), or held out by us, so that what was never seen can be judged; neither reaches a batch.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.datasets import data_folder, not_found
from core.datasets.pictures import SIDE, Subject, emoji
from core.models.captions import DRAWING_STYLES

LARGE = 256  # pixels of a tile's side
COLUMNS = 20  # tiles in a row of a sheet
CHOSEN = Path(__file__).with_name("five-styles.txt")
"""Everyday things, one a line: those of everyday.txt that all five artists drew, and some 80 more with short names; no
skin tones, no flags, no signs."""
HELD_OUT = Path(__file__).with_name("held-out.tsv")
"""(thing, style), one a line: the first hundred of the chosen things that no artist lacks, in the order of
`random.Random(0).shuffle`, in the four styles other than "emoji" by turns."""
ARTISTS = {"emoji": "noto", "flat": "fluent-flat", "glossy": "fluent", "sticker": "twemoji", "outlined": "openmoji"}
"""Style -> the artists whose sheets show it."""


@dataclass(frozen=True)
class Thing:
    """One line of names.tsv.

    Args:
        place: its place among the tiles.
        slug: what the data set calls it, one word with dashes.
        name: its usual name.
        aliases: what else it is called.
        missing: the artists who did not draw it.
    """

    place: int
    slug: str
    name: str
    aliases: tuple[str, ...]
    missing: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it is called, once each, the usual name first."""
        return tuple(dict.fromkeys([self.name, *self.aliases]))

    def drawn(self, style: str) -> bool:
        """Whether the data shows it in this style."""
        return ARTISTS[style] not in self.missing


def things(folder: str | Path | None = None) -> list[Thing]:
    """Every thing of the data set, in its order. Raises FileNotFoundError in one sentence where it is not."""
    path = data_folder(folder) / "drawings256" / "names.tsv"
    if not path.exists():
        raise not_found("drawings256", path.parents[1])
    rows = [(line + "\t\t\t").split("\t")[:4] for line in path.read_text("utf-8").splitlines()]
    return [
        Thing(i, slug, name, spoken(aliases.split(";")), frozenset(filter(None, missing.split(";"))))
        for i, (slug, name, aliases, missing) in enumerate(rows)
    ]


def spoken(aliases: list[str]) -> tuple[str, ...]:
    """The aliases that are lower-case words of three letters or more."""
    return tuple(a for a in aliases if re.fullmatch(r"[a-z][a-z ]{2,}", a))


def chosen() -> list[str]:
    """The names of the things that are taught in five styles."""
    return CHOSEN.read_text("utf-8").splitlines()


def held_out() -> set[tuple[str, str]]:
    """The (thing, style) pairs that we keep apart, beside those that the data lacks."""
    return {tuple(line.split("\t")) for line in HELD_OUT.read_text("utf-8").splitlines()}


def never_seen(folder: str | Path | None = None) -> dict[str, list[str]]:
    """Style -> the chosen things that are never seen in it: held out, or missing in the data."""
    names, apart = set(chosen()), held_out()
    here = [thing for thing in things(folder) if thing.name in names]
    return {style: [t.name for t in here if (t.name, style) in apart or not t.drawn(style)] for style in DRAWING_STYLES}


def shown_in(style: str, folder: str | Path | None = None) -> list[Thing]:
    """The chosen things that are shown in a style."""
    names, unseen = set(chosen()), never_seen(folder)[style]
    return [t for t in things(folder) if t.name in names and t.name not in unseen]


def tiles(style: str, side: int = SIDE, folder: str | Path | None = None) -> np.ndarray:
    """Every thing in one style, (N, side, side, 3) uint8, as `sheets` gives it."""
    return sheets(ARTISTS[style], side, folder)


def sheets(artists: str, side: int = LARGE, folder: str | Path | None = None) -> np.ndarray:
    """Every thing as these artists drew it, (N, side, side, 3) uint8, white where it is missing; made smaller by area
    averaging.

    Args:
        side: a divisor of 256.

    Raises:
        FileNotFoundError: one sentence that says where the sheets were looked for.
    """
    root, parts = data_folder(folder) / "drawings256", []
    for path in sorted(root.glob(f"{artists}-[0-9].webp")):
        with Image.open(path) as sheet:
            small = np.asarray(sheet.convert("RGB").reduce(LARGE // side))
        parts.append(small.reshape(-1, side, COLUMNS, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3))
    if not parts:
        raise not_found(f"drawings256/{artists}-0.webp", root.parent)
    return np.concatenate(parts)[: len(things(folder))]


def drawings(folder: str | Path | None = None) -> tuple[Tensor, list[Subject]]:
    """The training pictures, (P, 64, 64, 3) uint8, and their P subjects, those of `subjects`."""
    pictures = [
        torch.from_numpy(tiles(style, folder=folder)[[t.place for t in shown_in(style, folder)]])
        for style in DRAWING_STYLES
    ]
    older, more = _older(folder)
    return torch.cat([*pictures, older]), [*_in_styles(folder), *more]


def subjects(folder: str | Path | None = None) -> list[Subject]:
    """What the training pictures show: the chosen things in every style but those in which they are never seen, style by
    style; then the everyday things that only the older `emoji64` has."""
    return [*_in_styles(folder), *_older(folder)[1]]


def _in_styles(folder: str | Path | None) -> list[Subject]:
    """The chosen things in every style in which they are shown."""
    return [Subject(t.names, False, style) for style in DRAWING_STYLES for t in shown_in(style, folder)]


def _older(folder: str | Path | None) -> tuple[Tensor, list[Subject]]:
    """The everyday things of `emoji64` that are not among the chosen ones."""
    pictures, everyday = emoji("everyday", folder)
    names = set(chosen())
    kept = [k for k, subject in enumerate(everyday) if subject.names[0] not in names]
    return pictures[kept], [everyday[k] for k in kept]
