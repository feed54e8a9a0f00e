"""The views of the score field: forward and score here, the others from `core.runs.plane_sampling` and `core.runs.plane_guidance`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.diffusion.closed_form import Mixture
from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import generator
from core.diffusion.schedule import Schedule
from core.runs.panels import Figure, Panel
from core.runs.plane_guidance import guided
from core.runs.plane_sampling import array, quality, sample
from core.runs.score_field import ScoreFieldRequest

VIEW = 3.0
"""Half the width of the square that is shown."""
LEVELS = 25
"""Noise levels of a view that slides over t."""
NOISED = 400
"""Noised points behind the score."""
ARROWS, CELLS = 20, 48
"""Arrows and cells of the density along a side."""


def grid(n: int) -> Tensor:
    """(n * n, 2) centres of the cells of the square, row by row from the top left."""
    edge = (torch.arange(n) + 0.5) / n * 2 * VIEW - VIEW
    return torch.stack([edge.repeat(n), -edge.repeat_interleave(n)], 1)


@torch.no_grad()
def field(denoiser: Denoiser, t: int, places: Tensor) -> Tensor:
    """(M, 2) scores -eps / s_t at places (M, 2)."""
    steps = torch.full((len(places),), t)
    eps = denoiser.predict(
        places, steps, denoiser.encode([None]).expand(len(places), *[-1] * (denoiser.encode([None]).ndim - 1))
    ).eps
    return -eps / denoiser.schedule.at(steps, places)[1]


@torch.no_grad()
def density(mixture: Mixture, t: int) -> Tensor:
    """(CELLS, CELLS) the square root of the density at t, 1 where it is largest: small values stay visible."""
    places = grid(CELLS)
    found = torch.cat([mixture.log_density(part, torch.full((len(part),), t)) for part in places.split(1024)])
    return ((found - found.max()) / 2).exp().view(CELLS, CELLS)


def levels() -> list[int]:
    """LEVELS timesteps from 0 to T - 1."""
    return [round(k * 999 / (LEVELS - 1)) for k in range(LEVELS)]


def forward(r: ScoreFieldRequest) -> Iterator[Figure]:
    """Data becomes noise: points, density and exact score at every t."""
    schedule, points = r.schedule(), r.points()
    mixture, g = points.denoiser(schedule), generator(r.seed)
    x_0, classes = points.draw(r.count, g)
    eps, steps = torch.randn(r.count, 2, generator=g), levels()
    moved = [schedule.forward(x_0, torch.full((r.count,), t), eps) for t in steps]
    arrows = [field(mixture, t, grid(ARROWS)) for t in steps]
    panel = Panel(
        "Points, density and score",
        points=array(moved), classes=classes.byte().numpy(), places=grid(ARROWS).numpy(), arrows=array(arrows),
        density=array([density(mixture, t) for t in steps]), paths=12,
    )  # fmt: skip
    caption = (
        f"{r.about}; {r.count} points, seed {r.seed}. A point at t is x_t = a x_0 + s eps, always with the same eps."
    )
    words = {"points": "noised points x_t", "paths": "paths of 12 of them, from t = 0", "density": "density p_t"}
    yield Figure(
        [panel], [level(schedule, t) for t in steps], caption=caption, words=words,
        description=f"A plane with {r.count} points of {r.about}, which spread to a round cloud as t grows; arrows point to where data is likely.",
    )  # fmt: skip


def score(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The score at every place and every t: exact, learned, and how far they are apart."""
    schedule, points, steps, places = r.schedule(), r.points(), levels(), grid(ARROWS)
    exact, trained = points.denoiser(schedule), r.trained()
    g = generator(r.seed)
    x_0, eps = points.draw(NOISED, g)[0], torch.randn(NOISED, 2, generator=g)
    truth = array([schedule.forward(x_0, torch.full((NOISED,), t), eps) for t in steps])
    shade = array([density(exact, t) for t in steps])
    fields = {"Exact score": array([field(exact, t, places) for t in steps])}
    if trained is not None:
        fields["Learned score"] = array([field(trained.denoiser(), t, places) for t in steps])
        fields["Learned - exact"] = fields["Learned score"] - fields["Exact score"]
    notes = (
        {"Learned score": f"after {trained.step:,} updates"}
        if trained is not None
        else {"Exact score": "Once a network is trained in Train, its score stands beside this one."}
    )
    panels = [
        Panel(title, notes.get(title, ""), truth=truth, places=places.numpy(), arrows=arrows, density=shade)
        for title, arrows in fields.items()
    ]
    caption = f"{r.about}; seed {r.seed}. score = grad log p_t(x) = -E[eps | x_t = x] / s_t, the mean noise. Point at an arrow for its numbers."
    words = {"truth": "noised data x_t", "density": "density p_t"}
    yield Figure(
        panels, [level(schedule, t) for t in steps], at=LEVELS // 4, caption=caption, words=words,
        description=f"Arrows of the score of {r.about}: they point towards the data, and are longest far from it at small t.",
    )  # fmt: skip


def level(schedule: Schedule, t: int) -> str:
    """A timestep in words, with its signal and noise."""
    return f"t = {t} · a = {schedule.a[t]:.2f} · s = {schedule.s[t]:.2f}"


VIEWS = {"forward": forward, "score": score, "sample": sample, "guide": guided, "quality": quality}
"""The views that are made in one go."""
