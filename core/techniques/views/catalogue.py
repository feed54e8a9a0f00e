"""Views: the transforms of a picture that a visual anagram combines, and when one is legal (Geng et al. 2024).

A view is legal if it maps the noise that the network expects, N(0, I), to N(0, I). It must be orthogonal: its
inverse is its transpose. All views here except two are. Pictures are square, of even size from 4 pixels; a view
with a seed has the same effect at 64 and at 256 pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor

from core.checks import Refused
from core.diffusion.noise import generator, randn
from core.pictures.images import to_uint8
from core.techniques.views import permutations
from core.techniques.views.kinds import Blur, Flip, Negate, Pieced, Same, Skew, WhiteBalance

MAX_VIEWS = 4


class View(Protocol):
    """A linear map of pictures.

    Attributes:
        title: its name on the page.
        about: one line.
        legal: whether it is orthogonal.
        seed: the seed of its shuffle, or None.
    """

    title: str
    about: str
    legal: bool
    seed: int | None

    def apply(self, x: Tensor) -> Tensor:
        """The view of pictures or noise (B, C, S, S); a new tensor of the same dtype."""

    def invert(self, x: Tensor) -> Tensor:
        """The inverse: invert(apply(x)) = x for a legal view."""

    def invert_variance(self, v: Tensor) -> Tensor:
        """The inverse for learned-variance interpolation (B, C, S, S): pixels move, signs stay."""

    def tween(self, pixels: np.ndarray, n: int) -> list[np.ndarray]:
        """n >= 2 frames uint8 (S, S, C) from the picture to its view, both included."""


def _patches(size: int, seed: int) -> permutations.Pieces:
    return permutations.patches(size, seed, 8)


def _turn(turns: int) -> Callable[[int], permutations.Pieces]:
    return lambda size: permutations.in_one_piece(size, turns)


VIEWS: dict[str, View] = {
    "identity": Same("As it is", "The picture itself."),
    "flip": Flip("Upside down", "Top and bottom change places, as in a lake; left stays left.", axis=-2),
    "mirror": Flip("Mirror", "Left and right change places.", axis=-1),
    "rotate_90": Pieced("Quarter turn", "Turned by 90 degrees, clockwise.", cut=_turn(1)),
    "rotate_180": Pieced("Half turn", "Turned by 180 degrees: the picture on its head.", cut=_turn(2)),
    "rotate_270": Pieced("Quarter turn back", "Turned by 90 degrees, anticlockwise.", cut=_turn(-1)),
    "negate": Negate("Negative", "Black becomes white, and every colour its opposite."),
    "skew": Skew("Skew", "Every column slides a little further down than the one before it, and wraps round."),
    "patches": Pieced("Patches", "8 x 8 square patches in another order.", seed=1, cut=_patches),
    "pixels": Pieced("Pixels", "All 64 x 64 pixels in another order.", seed=1, cut=permutations.pixels),
    "jigsaw": Pieced("Jigsaw", "16 interlocking pieces, put together another way.", seed=1, cut=permutations.jigsaw),
    "inner_circle": Pieced("Inner circle", "A disc in the middle makes a half turn.", cut=permutations.inner_circle),
    "square_hinge": Pieced(
        "Square hinge", "Nine hinged squares swing through a quarter.", cut=permutations.square_hinge
    ),
    "blur": Blur("Blur", "Not legal: neighbouring pixels grow alike, and most of the variance is lost.", legal=False),
    "white_balance": WhiteBalance("White balance", "Not legal: red noise grows, blue noise shrinks.", legal=False),
}


def view_of(name: object, seed: int | None = None) -> View:
    """A view by its key in VIEWS; `seed` reshuffles views that have a seed; others ignore it.

    Raises:
        Refused: there is no such view.
    """
    if not isinstance(name, str) or name not in VIEWS:
        raise Refused(f"The view must be one of {', '.join(VIEWS)}, not {str(name)[:40]!r}.")
    view = VIEWS[name]
    return view if seed is None or view.seed is None else replace(view, seed=seed)


def views_of(names: Sequence[object], seed: int | None = None) -> list[View]:
    """1 .. MAX_VIEWS views by their names. Raises Refused."""
    if not 1 <= len(names) <= MAX_VIEWS:
        raise Refused(f"An anagram has from 1 to {MAX_VIEWS} views, not {len(names)}.")
    return [view_of(name, seed) for name in names]


@dataclass(frozen=True)
class Report:
    """Statistics of a view of noise N(0, 1).

    Args:
        mean: should be 0.
        variance: of the channel where it is furthest from 1.
        correlation: of neighbouring pixels, the larger of across and down; should be 0.
        inverse_error: largest |invert(apply(x)) - x|; should be 0.
    """

    mean: float
    variance: float
    correlation: float
    inverse_error: float

    @property
    def legal(self) -> bool:
        """Whether it still looks like noise: each bound is at least 5 standard errors of what `report` draws."""
        noise = abs(self.mean) < 0.02 and abs(self.variance - 1) < 0.04 and abs(self.correlation) < 0.02
        return noise and self.inverse_error < 1e-5


def report(view: View, seed: int = 0, size: int = 64) -> Report:
    """The view applied to 16 RGB pictures of noise, and measured."""
    x = randn((16, 3, size, size), generator(seed))
    y = view.apply(x)
    unit = (y - y.mean()) / y.std()
    pairs = (unit[..., 1:] * unit[..., :-1]).mean(), (unit[..., 1:, :] * unit[..., :-1, :]).mean()
    variances = y.var((0, 2, 3))
    worst = variances[(variances - 1).abs().argmax()]
    error = (view.invert(y) - x).abs().max()
    return Report(y.mean().item(), worst.item(), max(pairs, key=abs).item(), error.item())


def through(view: View, seed: int = 0, size: int = 64) -> list[np.ndarray]:
    """Noise, its view, and the inverted view: three pictures uint8 (size, size, 3), showing -3 to 3."""
    x = randn((1, 3, size, size), generator(seed))
    y = view.apply(x)
    return [to_uint8(z, -3, 3)[0] for z in (x, y, view.invert(y))]
