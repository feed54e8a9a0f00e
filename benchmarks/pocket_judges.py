"""The judges of pocket's pictures: the nearest of all drawings, and the small photo classifier."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.datasets.pictures import emoji, photo_subjects, unit
from core.models.registry import load
from core.models.scores import Statistics, frechet_distance


def share(right: list[bool]) -> float:
    """The share that is true."""
    return round(sum(right) / len(right), 4)


MARGIN = 0.15
"""The requested drawing must be nearer than any other by this share. A smaller one also counts pictures that nobody can
name."""


def blurred(pixels: np.ndarray | Tensor) -> Tensor:
    """(N, 64, 64, 3) uint8 -> (N, 3072) float32: each picture as 32x32 means, for the nearest neighbour."""
    x = unit(torch.as_tensor(np.asarray(pixels)))
    return torch.nn.functional.avg_pool2d(x, 2).flatten(1)


def right_drawings(pixels: np.ndarray, names: list[str]) -> list[bool]:
    """Whether the drawing of the requested name, or one that shares a name with it, is nearer than all others, by MARGIN."""
    tiles, subjects = emoji("all")
    distance = torch.cdist(blurred(pixels), blurred(tiles))  # (pictures, drawings)
    aliases = {s.names[0]: set(s.names) for s in subjects}
    asked = torch.tensor([[bool(aliases[name] & set(s.names)) for s in subjects] for name in names])
    nearest, other = (distance.masked_fill(~some, torch.inf).amin(1) for some in (asked, ~asked))
    return (nearest <= (1 - MARGIN) * other).tolist()


@torch.no_grad()
def judged(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """The photo classifier's features (N, F) and logits (N, 200)."""
    net = load("photo-classifier", "cpu")
    features = torch.cat(
        [net.features(unit(torch.from_numpy(p))) for p in np.array_split(pixels, len(pixels) // 200 + 1)]
    )
    return features, net.head(features)


def classes(kinds: Sequence[str]) -> Tensor:
    """The places (N,) of N kinds of photo among the photo classifier's classes.

    They follow from the names in the data set: a model's card lists the kinds it knows in an order of its own.
    """
    place = {s.names[0]: k for k, s in enumerate(photo_subjects())}
    return torch.tensor([place[kind] for kind in kinds])


def named_right(logits: Tensor, asked: Tensor) -> dict:
    """Top-1 and top-5 accuracy of logits (N, 200) for the requested classes (N,)."""
    hits = logits.topk(5, 1).indices == asked[:, None]
    return {"top_1": share(hits[:, 0].tolist()), "top_5": share(hits.any(1).tolist()), "n": len(asked)}


def to_training(features: Tensor, train: Statistics) -> float:
    """The Frechet distance of pictures' features (N, F) to those of the training photos."""
    return round(frechet_distance(Statistics.of(features), train), 2)
