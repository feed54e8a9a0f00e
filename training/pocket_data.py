"""Batches for pocket: Noto's drawings and Tiny ImageNet's photos, each with one of its captions.

The pictures stay uint8 in memory on the training device; every batch depends only on a seed and a step.
"""

from pathlib import Path

import torch
from torch import Tensor

from core.datasets.pictures import (
    DRAWING_TEMPLATES,
    HELD_OUT,
    LISTS,
    PER_CLASS,
    PHOTO_TEMPLATES,
    SIDE,
    WELL_KNOWN,
    Subject,
    emoji,
    photos,
    unit,
)
from core.models.captions import Vocabulary, words_of

SHIFT = 2  # at most, in pixels, in each direction
DROPPED = 0.1
"""The share of dropped captions, for classifier-free guidance (Ho & Salimans 2022). Only photos have "no caption". With
mostly drawings on white there, guidance, which leads away from it, would darken every photo. A drawing keeps a plain
caption instead."""
PLAIN_PHOTO = ("a high quality photo", "a photo")
PLAIN_DRAWING = ("an emoji", "a drawing")


def vocabulary(subjects: list[Subject]) -> Vocabulary:
    """Every word of every caption."""
    captions = [*PLAIN_PHOTO, *PLAIN_DRAWING, *(c for s in subjects for c in s.captions())]
    return Vocabulary(sorted({w for c in captions for w in words_of(c)}))


class Pictures:
    """Batches of captioned pictures.

    Args:
        which: which emoji, as in `emoji`.
        photo_share: the share of photos in a batch, 0 .. 1.
        device: the device of the pictures and the batches.
        favour: the relative frequency of the `first` drawings and the WELL_KNOWN photos; that of the others is 1.
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
        photo_tiles, photo_subjects = photos(folder)
        self.drawings, drawing_subjects = emoji(which, folder)
        self.held_out = photo_tiles[:, -HELD_OUT:].reshape(-1, SIDE, SIDE, 3)  # (2000, 64, 64, 3)
        self.photos = photo_tiles[:, :-HELD_OUT].reshape(-1, SIDE, SIDE, 3)
        self.drawing_subjects, self.photo_subjects = drawing_subjects, photo_subjects
        self.vocabulary = vocabulary(drawing_subjects + photo_subjects)
        self.photos, self.drawings = self.photos.to(device), self.drawings.to(device)
        encoded = {
            c: self.vocabulary.encode([c])[0] for s in (*drawing_subjects, *photo_subjects) for c in s.captions()
        }
        self._photo_odds = odds(photo_subjects, set(WELL_KNOWN), favour)
        self._drawing_odds = odds(drawing_subjects, set(LISTS["first"].read_text().splitlines()), favour)
        self._plain = {True: self.vocabulary.encode(PLAIN_PHOTO), False: self.vocabulary.encode(PLAIN_DRAWING)}
        self._captions = {
            s: torch.stack([encoded[c] for c in s.captions()]) for s in (*drawing_subjects, *photo_subjects)
        }

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
        subjects = [self.photo_subjects[i] for i in kinds.tolist()]
        subjects += [self.drawing_subjects[i] for i in chosen_drawings.tolist()]
        ids = torch.stack([self._caption(s, g) for s in subjects])
        return x, ids.to(self.device)

    def _caption(self, subject: Subject, g: torch.Generator) -> Tensor:
        """(LENGTH,) a random caption. Half of them have the usual name, one in ten is just "a photo" or "an emoji", and
        one photo in ten has none."""
        pick = lambda high: int(torch.randint(high, (), generator=g))  # noqa: E731
        if subject.photo and torch.rand((), generator=g) < DROPPED:
            return self.vocabulary.encode([""])[0]
        if torch.rand((), generator=g) < DROPPED:
            plain = self._plain[subject.photo]
            return plain[pick(len(plain))]
        rows = self._captions[subject]
        templates = len(PHOTO_TEMPLATES if subject.photo else DRAWING_TEMPLATES)
        return rows[pick(templates) if pick(2) else pick(len(rows))]


def odds(subjects: list[Subject], favourites: set[str], favour: float) -> Tensor:
    """(N,) unnormalised probability of each subject: `favour` for the favourites, 1 for the others."""
    return torch.tensor([favour if s.names[0] in favourites else 1.0 for s in subjects])


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
