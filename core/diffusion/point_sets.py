"""Data in the plane: named sets of points in two classes, drawn from a generator, at the scale of standard normal noise.

Every set keeps within [-3, 3] and has a standard deviation of about 1 in each direction, so that one schedule, one
network and one view suit them all.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.closed_form import Mixture
from core.diffusion.schedule import Schedule

BANDWIDTH = 0.06
"""The standard deviation that blurs each point where only points are given (a kernel density estimate)."""
CENTRES = 400
"""The most points of a kernel density estimate; it takes that many exponentials for each state."""
WIDEST = 3.0
"""Half the width of the square that all data lies in."""
Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
"""(n, generator) -> points (n, 2), classes (n,)."""


@dataclass(frozen=True)
class PointSet:
    """Data in the plane of which any number of points can be drawn.

    Args:
        draw: draws points and their classes, 0 or 1.
        exact: the mixture of Gaussians that the data comes from: weights (K,), means (K, 2), variances (K,), classes
            (K,). None if a kernel density estimate stands for it.
    """

    draw: Draw
    exact: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    def denoiser(self, schedule: Schedule, blur: float = 0.0, seed: int = 0) -> Mixture:
        """The exact denoiser of the data, or of the kernel density estimate that stands for it.

        Args:
            blur: a standard deviation by which the data is blurred further, as a weaker network would.
            seed: of the points of the estimate.
        """
        if self.exact is not None:
            weights, means, variances, classes = self.exact
            return Mixture(schedule, weights, means, variances + blur**2, classes)
        points, classes = self.draw(CENTRES, torch.Generator().manual_seed(seed))
        return Mixture.of_points(schedule, points, BANDWIDTH**2 + blur**2, classes)


def of_points(points: Tensor, classes: Tensor) -> PointSet:
    """Given points (N, 2) as data: each draw is one of them, blurred. A rare class is drawn at least once too.

    Raises:
        Refused: there are no points, or some are not finite.
    """
    if not len(points):
        raise Refused("There are no points yet: draw some, type a word or upload a table.")
    if not points.isfinite().all():
        raise Refused("Every coordinate must be a finite number.")

    members = [(classes == c).nonzero()[:, 0] for c in classes.unique()]

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(points), (n,), generator=g)
        for k, own in enumerate(members[:n]):
            rows[k] = own[torch.randint(len(own), (), generator=g)]
        if n >= len(points):  # every point at least once
            rows[: len(points)] = torch.arange(len(points))
            rows = rows[torch.randperm(n, generator=g)]
        return points[rows] + BANDWIDTH * torch.randn(n, 2, generator=g), classes[rows]

    if len(points) > CENTRES:
        return PointSet(draw)
    ones = torch.ones(len(points))
    return PointSet(draw, (ones, points, BANDWIDTH**2 * ones, classes))


def of_mixture(weights: Tensor, means: Tensor, variances: Tensor, classes: Tensor) -> PointSet:
    """A mixture of round Gaussians as data; shapes as in `PointSet.exact`."""

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        k = torch.multinomial(weights, n, True, generator=g)
        return means[k] + variances[k].sqrt()[:, None] * torch.randn(n, 2, generator=g), classes[k]

    return PointSet(draw, (weights, means, variances, classes))


# ---- named sets -----------------------------------------------------------------------------------------------------


def moons() -> PointSet:
    """Two interleaved half circles, one per class."""

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        classes, angle = _coin(n, g), math.pi * torch.rand(n, generator=g)
        side = 1 - 2 * classes.float()
        arc = torch.stack([side * angle.cos() - side / 2, side * angle.sin() - side / 4], 1)
        return 1.15 * arc + 0.07 * torch.randn(n, 2, generator=g), classes

    return PointSet(draw)


def roll() -> PointSet:
    """A spiral; its inner half is one class, its outer half the other."""

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        u = torch.rand(n, generator=g).sqrt()  # as many points per length everywhere
        angle = 3.2 * math.pi * (0.12 + 0.88 * u)
        curve = torch.stack([angle.cos(), angle.sin()], 1) * angle[:, None] / 4.9
        return curve + 0.05 * torch.randn(n, 2, generator=g), (u > math.sqrt(0.5)).long()

    return PointSet(draw)


def rings() -> PointSet:
    """Two circles around one centre, one per class; as many points on each."""

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        classes, angle = _coin(n, g), 2 * math.pi * torch.rand(n, generator=g)
        circle = torch.stack([angle.cos(), angle.sin()], 1) * (0.8 + classes)[:, None]
        return circle + 0.06 * torch.randn(n, 2, generator=g), classes

    return PointSet(draw)


def checkerboard() -> PointSet:
    """The dark squares of a 4 x 4 board; the two classes take turns from row to row."""

    def draw(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        square = torch.randint(8, (n,), generator=g)
        row, column = square // 2, 2 * (square % 2) + square // 2 % 2
        corner = torch.stack([column, row], 1) - 2.0
        return corner + torch.rand(n, 2, generator=g), row % 2

    return PointSet(draw)


def gaussians(components: int) -> PointSet:
    """A mixture of that many equal Gaussians on a circle; the classes take turns."""
    k = torch.arange(components)
    angle = 2 * math.pi * k / components
    means = 1.5 * torch.stack([angle.cos(), angle.sin()], 1)
    return of_mixture(torch.ones(components), means, torch.full((components,), 0.03), k % 2)


def unequal() -> PointSet:
    """Two Gaussians far apart, one with a fifth of the points: a random walk alone does not find their weights."""
    means = torch.tensor([[-1.6, 0.0], [1.6, 0.0]])
    return of_mixture(torch.tensor([0.2, 0.8]), means, torch.full((2,), 0.06), torch.tensor([0, 1]))


def tree() -> PointSet:
    """Two trees with thin branches, one per class, grown towards each other; after the toy of Karras et al. 2024."""
    centres, thickness, weights, classes = [], [], [], []
    for c, (x, y, way) in enumerate(((-0.25, -2.4, 0.5), (0.25, 2.4, -0.5))):
        for start, end, width, weight in _branches(x, y, way * math.pi, 1.25, 5):
            for k in range(6):
                w = (k + 0.5) / 6
                centres.append([(1 - w) * a + w * b for a, b in zip(start, end, strict=True)])
                thickness.append(width**2)
                weights.append(weight)
                classes.append(c)
    return of_mixture(*map(torch.tensor, (weights, centres, thickness, classes)))


def _branches(x: float, y: float, angle: float, length: float, depth: int) -> list[tuple]:
    """The branches of a tree from its root, as (start, end, width, weight of a sixth)."""
    end = x + length * math.cos(angle), y + length * math.sin(angle)
    here = [((x, y), end, 0.028 * length + 0.012, length * (0.4 + 0.12 * depth))]
    if depth == 1:
        return here
    left, right = ((turn, length * shrink) for turn, shrink in ((0.62, 0.72), (-0.5, 0.66)))
    return here + [b for turn, shorter in (left, right) for b in _branches(*end, angle + turn, shorter, depth - 1)]


def _coin(n: int, g: torch.Generator) -> Tensor:
    """(n,) classes 0 or 1, equally often."""
    return torch.randint(2, (n,), generator=g)


POINT_SETS: dict[str, Callable[..., PointSet]] = {
    "moons": moons, "roll": roll, "rings": rings, "checkerboard": checkerboard, "tree": tree, "unequal": unequal,
}  # fmt: skip
"""The named sets without parameters; `gaussians` takes the number of its components."""


def fitted(points: Sequence[Sequence[float]]) -> Tensor:
    """Any points (N, 2) as float32, moved and scaled together: centred, with the larger deviation 1, within the square.

    Points all alike stay one point, at the centre.

    Raises:
        Refused: a coordinate is not finite.
    """
    x = torch.as_tensor(points, dtype=torch.float64).reshape(-1, 2)
    if not x.isfinite().all():
        raise Refused("Every coordinate must be a finite number.")
    if not len(x):
        return x.float()
    x = x / x.abs().max().clamp(min=1)  # sums of very large numbers would overflow
    x = x - x.mean(0)
    x = x / x.std(0, correction=0).max().clamp(min=1e-9)
    return (x * (WIDEST / x.abs().max().clamp(min=WIDEST))).float()
