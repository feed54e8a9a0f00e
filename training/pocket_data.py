"""Batches for pocket: drawings and Tiny ImageNet's photos, each with one of its captions.

The pictures stay uint8 in memory on the training device; every batch depends only on a seed and a step.
"""

from pathlib import Path

import torch
from torch import Tensor

from core.datasets.five_styles import drawings
from core.datasets.pictures import (
    CHOSEN,
    HELD_OUT,
    LISTS,
    PER_CLASS,
    SIDE,
    WELL_KNOWN,
    Subject,
    emoji,
    photos,
    unit,
)
from core.models.captions import DRAWING_STYLES, Vocabulary, words_of

FIVE_STYLES = "five-styles"
"""This value stands for everyday things in five styles and the CHOSEN kinds of photo, instead of a list of emoji."""
UNLABELLED = 0.18
"""With five styles, the share of photos that are of the other kinds. No caption names these kinds. They keep the
network able to denoise any photo."""
SLOWEST = "outlined"
"""The style that takes longest to learn: thin lines, hardly any colour."""
SHIFT = 2  # pixels, at most, in each direction
DROPPED = 0.1
"""The share of captions left out, for classifier-free guidance (Ho & Salimans 2022). Only photos lose their caption; a
drawing keeps a plain one. If most pictures without a caption were drawings on white, guidance, which moves away from
them, would darken every photo."""
NAMELESS = 0.5
"""The share of photos without a caption among photos of a kind without a name. The others have the caption "a
photo"."""
PLAIN_PHOTO = ("a high quality photo", "a photo")
PLAIN_DRAWING = ("an emoji", "a drawing")


def taught(which: str, folder: str | Path | None = None) -> tuple[Tensor, list[Subject]]:
    """The drawings to train on, (P, 64, 64, 3) uint8, and their subjects: FIVE_STYLES, or a list of `emoji`."""
    return drawings(folder) if which == FIVE_STYLES else emoji(which, folder)


def named(which: str, kinds: list[Subject]) -> list[Subject]:
    """The kinds of photo that captions name."""
    return [s for s in kinds if which != FIVE_STYLES or s.names[0] in CHOSEN]


def plain(subject: Subject) -> tuple[str, ...]:
    """The captions that say how a thing is shown, but not what it is."""
    if subject.photo:
        return PLAIN_PHOTO
    return PLAIN_DRAWING if subject.style == "emoji" else (DRAWING_STYLES[subject.style].plain,)


def vocabulary(subjects: list[Subject]) -> Vocabulary:
    """Every word of every caption."""
    captions = [*PLAIN_PHOTO, *PLAIN_DRAWING, *(c for s in subjects for c in (*plain(s), *s.captions()))]
    return Vocabulary(sorted({w for c in captions for w in words_of(c)}))


class Pictures:
    """Batches of captioned pictures.

    Args:
        which: which drawings, as in `taught`.
        photo_share: the share of photos in a batch, 0 .. 1.
        device: where the pictures live and the batches appear.
        favour: how many times as often as the others the `first` drawings and the WELL_KNOWN photos are picked. Of five
            styles it is the SLOWEST one, and the CHOSEN photos come as often as UNLABELLED leaves room for.
    """

    def __init__(
        self,
        which: str,
        photo_share: float,
        device: torch.device,
        folder: str | Path | None = None,
        favour: float = 1.0,
    ):
        self.device, self.share = device, photo_share
        photo_tiles, self.photo_subjects = photos(folder)
        self.drawings, self.drawing_subjects = taught(which, folder)
        self.held_out = photo_tiles[:, -HELD_OUT:].reshape(-1, SIDE, SIDE, 3)  # (2000, 64, 64, 3)
        self.photos = photo_tiles[:, :-HELD_OUT].reshape(-1, SIDE, SIDE, 3)
        self.photos, self.drawings = self.photos.to(device), self.drawings.to(device)
        kinds = named(which, self.photo_subjects)
        self.vocabulary = vocabulary(self.drawing_subjects + kinds)
        self._named = {*self.drawing_subjects, *kinds}
        self._photo_odds, self._drawing_odds = self._odds(which, favour)
        self._plain = {s: self.vocabulary.encode(plain(s)) for s in (*self.drawing_subjects, *self.photo_subjects)}
        self._captions = {s: self.vocabulary.encode(s.captions()) for s in self._named}

    def _odds(self, which: str, favour: float) -> tuple[Tensor, Tensor]:
        """The unnormalised probability of each kind of photo and of each drawing."""
        if which == FIVE_STYLES:
            shares = shared(self.photo_subjects, set(CHOSEN), 1 - UNLABELLED)
            return shares, torch.tensor([favour if s.style == SLOWEST else 1.0 for s in self.drawing_subjects])
        first = set(LISTS["first"].read_text().splitlines())
        return odds(self.photo_subjects, set(WELL_KNOWN), favour), odds(self.drawing_subjects, first, favour)

    def batch(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        """n pictures (n, 3, 64, 64) in [-1, 1] and their captions (n, LENGTH), from a CPU generator."""
        rand = lambda high, size=(n,): torch.randint(high, size, generator=g)  # noqa: E731
        n_photos = int(n * self.share + torch.rand((), generator=g).item())
        kinds, chosen_drawings = picks(self._photo_odds, n_photos, g), picks(self._drawing_odds, n - n_photos, g)
        each = PER_CLASS - HELD_OUT
        chosen_photos = kinds * each + rand(each, (n_photos,))
        x = torch.cat([self.photos[chosen_photos.to(self.device)], self.drawings[chosen_drawings.to(self.device)]])
        x = unit(x)
        x = torch.cat([flip(x[:n_photos], rand(2, (n_photos,))), x[n_photos:]])
        x = shift(x, rand(2 * SHIFT + 1) - SHIFT, rand(2 * SHIFT + 1) - SHIFT)
        picked = [self.photo_subjects[i] for i in kinds.tolist()]
        picked += [self.drawing_subjects[i] for i in chosen_drawings.tolist()]
        ids = torch.stack([self._caption(s, g) for s in picked])
        return x, ids.to(self.device)

    def _caption(self, subject: Subject, g: torch.Generator) -> Tensor:
        """(LENGTH,) one caption at random; the usual name comes in half of them, one in ten is just "a photo" or
        "an emoji", and one photo in ten has none. A kind of photo without a name has a plain caption or none."""
        pick = lambda high: int(torch.randint(high, (), generator=g))  # noqa: E731
        nameless = subject not in self._named
        if subject.photo and torch.rand((), generator=g) < (NAMELESS if nameless else DROPPED):
            return self.vocabulary.encode([""])[0]
        if nameless or torch.rand((), generator=g) < DROPPED:
            rows = self._plain[subject]
            return rows[pick(len(rows))]
        rows = self._captions[subject]
        return rows[pick(len(subject.templates)) if pick(2) else pick(len(rows))]


def odds(subjects: list[Subject], favourites: set[str], favour: float) -> Tensor:
    """(N,) unnormalised probability of each subject: `favour` for the favourites, 1 for the others."""
    return torch.tensor([favour if s.names[0] in favourites else 1.0 for s in subjects])


def shared(subjects: list[Subject], favourites: set[str], share: float) -> Tensor:
    """(N,) how likely each subject is picked, where the favourites together have a `share`, 0 .. 1, of all picks."""
    wanted = torch.tensor([s.names[0] in favourites for s in subjects])
    return torch.where(wanted, share / wanted.sum(), (1 - share) / (~wanted).sum())


def picks(weights: Tensor, n: int, g: torch.Generator) -> Tensor:
    """(n,) indices drawn by weight, with replacement; n may be 0."""
    return torch.multinomial(weights, n, replacement=True, generator=g) if n else torch.empty(0, dtype=torch.long)


def flip(x: Tensor, which: Tensor) -> Tensor:
    """Mirror the pictures where `which` (B,) is 1."""
    return torch.where(which.to(x.device).bool()[:, None, None, None], x.flip(3), x)


def shift(x: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Move each picture by whole pixels, repeating its border."""
    place = torch.arange(SIDE, device=x.device)
    rows = (place + dy.to(x.device)[:, None]).clamp(0, SIDE - 1)  # (B, 64)
    columns = (place + dx.to(x.device)[:, None]).clamp(0, SIDE - 1)
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
