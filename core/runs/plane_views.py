"""The views of the score field: forward, score, sample, guide, and quality against steps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.closed_form import Mixture
from core.diffusion.denoiser import Denoiser
from core.diffusion.distances import energy_distance
from core.diffusion.guidance import autoguide, classifier_guide, clip, guide
from core.diffusion.langevin import REPEATS, annealed_langevin, geometric
from core.diffusion.loop import Step
from core.diffusion.noise import branch, generator, randn
from core.diffusion.sampler_table import ANCESTRAL
from core.diffusion.samplers import ddim, heun
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.models.point_network import time_of
from core.runs.panels import Chart, Figure, Line, Panel
from core.runs.score_field import GUIDES, SAMPLERS, ScoreFieldRequest

VIEW = 3.0
"""Half the width of the square that is shown."""
LEVELS = 25
"""Noise levels of a view that slides over t."""
ARROWS, CELLS = 20, 48
"""Arrows and cells of the density along a side."""
FRAMES = 33
"""The most kept frames of a run."""
DATA = 1000
"""Data points that a distance is measured to, and that are shown."""
NOISE_LEVELS = 10
"""Of Langevin dynamics."""
BLUR = 0.25
"""By how much the exact but weaker denoiser of autoguidance blurs the data."""
LANGEVIN_PATHS = 3
"""Paths drawn of a random walk, which soon cover all."""
FARTHEST = 4.0
"""Clean estimates under guidance are clipped to this; near pure noise a small push on eps is a large one on x_0."""
COUNTS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100)
"""Steps in the chart of quality."""


# ---- fields and densities -------------------------------------------------------------------------------------------


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


def array(tensors: Sequence[Tensor]) -> np.ndarray:
    """(F, ...) float32 from F tensors."""
    return torch.stack(list(tensors)).float().numpy()


# ---- forward and score ----------------------------------------------------------------------------------------------


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
    caption = f"{r.about}; {r.count} points, seed {r.seed}. x_t = a x_0 + s eps; arrows: the score, grad log p_t(x)."
    yield Figure(
        [panel], [level(schedule, t) for t in steps], caption=caption,
        description=f"A plane with {r.count} points of {r.about}, which spread to a round cloud as t grows; arrows point to where data is likely.",
    )  # fmt: skip


def score(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The score at every place and every t: exact, learned, and how far they are apart."""
    schedule, points, steps, places = r.schedule(), r.points(), levels(), grid(ARROWS)
    exact, trained = points.denoiser(schedule), r.trained()
    truth = points.draw(DATA, generator(r.seed))[0].numpy()
    shade = array([density(exact, t) for t in steps])
    fields = {"Exact score": array([field(exact, t, places) for t in steps])}
    if trained is not None:
        fields["Learned score"] = array([field(trained.denoiser(), t, places) for t in steps])
        fields["Learned - exact"] = fields["Learned score"] - fields["Exact score"]
    notes = (
        {"Learned score": f"after {trained.step:,} updates"}
        if trained is not None
        else {"Exact score": "Train a network to see its score beside it."}
    )
    panels = [
        Panel(title, notes.get(title, ""), truth=truth, places=places.numpy(), arrows=arrows, density=shade)
        for title, arrows in fields.items()
    ]
    caption = f"{r.about}. score = grad log p_t(x) = -eps / s_t. Point at an arrow for its numbers."
    yield Figure(
        panels, [level(schedule, t) for t in steps], at=LEVELS // 4, caption=caption,
        description=f"Arrows of the score of {r.about}: they point towards the data, and are longest far from it at small t.",
    )  # fmt: skip


def level(schedule: Schedule, t: int) -> str:
    """A timestep in words, with its signal and noise."""
    return f"t = {t} · a = {schedule.a[t]:.2f} · s = {schedule.s[t]:.2f}"


# ---- sampling -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A sampler at a number of steps: its timesteps, its Steps, and the network calls that it takes."""

    run: Callable
    timesteps: list[int]
    calls: int


def way(name: str, schedule: Schedule, steps: int) -> Way:
    """A sampler of SAMPLERS; Langevin dynamics take NOISE_LEVELS levels whatever the steps."""
    if name == "langevin":
        return Way(annealed_langevin, geometric(schedule, NOISE_LEVELS), NOISE_LEVELS * REPEATS)
    if name == "plain":
        smallest = geometric(schedule, NOISE_LEVELS)[-1:]
        return Way(
            lambda *args: annealed_langevin(*args, repeats=NOISE_LEVELS * REPEATS), smallest, NOISE_LEVELS * REPEATS
        )
    run, calls = {"ddpm": (ANCESTRAL, steps), "ddim": (ddim, steps), "heun": (heun, 2 * steps - 1)}[name]
    return Way(run, schedule.timesteps(steps), calls)


def steps_of(w: Way, denoiser: Denoiser, x: Tensor, prompts: Sequence, seed: int) -> Iterator[Step]:
    """Its Steps from the noise x (N, 2); noise on the way has a seed of its own, the same for all."""
    visits = visits_together(w.timesteps, len(x))
    return w.run(denoiser, x, visits, denoiser.encode(prompts), generator(branch(seed, 1)))


def kept(steps: Iterator[Step], n: int) -> Iterator[Tensor]:
    """FRAMES of n + 1 states (N, 2), evenly spaced, with the first and the last."""
    wanted = {round(k * n / (FRAMES - 1)) for k in range(FRAMES)}
    return (step.x_t for step in steps if step.i in wanted)


def film(w: Way, denoiser: Denoiser, x: Tensor, prompts: Sequence, seed: int) -> np.ndarray:
    """(F, N, 2) the run's states, F <= FRAMES. Raises Refused if they are not finite, as with too much guidance."""
    n = (
        len(w.timesteps) * REPEATS
        if w.run is annealed_langevin
        else w.calls
        if len(w.timesteps) == 1
        else len(w.timesteps)
    )
    states = list(kept(steps_of(w, denoiser, x, prompts, seed), n))
    if not states[-1].isfinite().all():
        raise Refused("The points ran away to infinity: lower the scale, or take more steps.")
    return array(states)


def same_length(films: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All of them with as many frames as the longest; frames of shorter ones are repeated."""
    most = max(map(len, films))
    return [f[np.linspace(0, len(f) - 1, most).round().astype(int)] for f in films]


class Judge:
    """Distances of samples to fresh data, and the floor: that of fresh data itself.

    Args:
        count: samples that are judged at once, on which the floor depends.
    """

    def __init__(self, points, count: int, seed: int, label: int | None = None):
        self.data = self._drawn(points, DATA, branch(seed, 2), label)
        others = (self._drawn(points, count, branch(seed, k), label) for k in (3, 4, 5))
        self.floor = sum(energy_distance(other, self.data) for other in others) / 3

    @staticmethod
    def _drawn(points, n: int, seed: int, label: int | None) -> Tensor:
        x, classes = points.draw(n if label is None else 4 * n, generator(seed))
        return x if label is None else x[classes == label][:n]

    def of(self, x: Tensor | np.ndarray) -> float:
        """The energy distance of samples (N, 2) to the data."""
        return energy_distance(torch.as_tensor(x), self.data)


def sample(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The same noise run by each sampler: the paths of the points, and how far they end from the data."""
    denoiser, points = r.denoiser(), r.points()
    x, judge = randn((r.count, 2), generator(r.seed)), Judge(points, r.count, r.seed)
    truth, films, panels = judge.data.numpy(), [], []
    for done, name in enumerate(r.samplers):
        w = way(name, denoiser.schedule, r.steps)
        films.append(film(w, denoiser, x, [None] * r.count, r.seed))
        note = f"{w.calls} calls · energy distance {judge.of(films[-1][-1]):.4f}, floor {judge.floor:.4f}"
        panels.append(
            Panel(SAMPLERS[name], note, truth=truth, paths=LANGEVIN_PATHS if w.calls == NOISE_LEVELS * REPEATS else 24)
        )
        shown = [replace(p, points=f) for p, f in zip(panels, same_length(films), strict=True)]
        caption = f"{r.about}; {r.count} points, {r.steps} steps, seed {r.seed}; faint: data never used."
        last = done + 1 == len(r.samplers)
        yield Figure(
            shown, progress_labels(shown), caption=caption, playing=last, fraction=None if last else (done + 1) / len(r.samplers),
            status="" if last else f"{SAMPLERS[r.samplers[done + 1]]} …",
            description=f"{len(shown)} planes: a round cloud of points moves onto {r.about}, by {', '.join(p.title for p in shown)}.",
        )  # fmt: skip


def progress_labels(panels: Sequence[Panel]) -> list[str]:
    """A label for each frame of runs of different lengths."""
    n = len(panels[0].points) - 1
    return [f"{100 * k / max(n, 1):.0f} % of the way" for k in range(n + 1)]


# ---- guidance -------------------------------------------------------------------------------------------------------


def guided_by(r: ScoreFieldRequest, name: str, classes: Tensor) -> tuple[Denoiser, list]:
    """A denoiser under one of GUIDES, and the prompts it is given.

    Args:
        classes: (N,) the class of every point.
    """
    plain, told = r.denoiser(), classes.tolist()
    if name == "none":
        return plain, told
    if name == "cfg":
        return guide(plain, r.scale), told
    if name == "auto":
        weaker = r.network().weaker() if r.model == "learned" else r.points().denoiser(r.schedule(), BLUR)
        return autoguide(plain, weaker, r.scale), told
    return classifier_guide(plain, log_posterior(r, classes), r.scale), [None] * len(told)


def log_posterior(r: ScoreFieldRequest, classes: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """(x_t, t) -> (N,) log p(class | x_t), by Bayes from the exact densities, or by a classifier that learned it."""
    if r.model == "learned":
        learner = r.network()
        net = learner.classifier()
        return lambda x, t: net(x, time_of(learner.recipe.path, t, x)).log_softmax(1).gather(1, classes[:, None])[:, 0]
    mixture = r.points().denoiser(r.schedule())
    cond = mixture.encode(classes.tolist())
    return lambda x, t: mixture.log_density(x, t, cond) - mixture.log_density(x, t)  # but for a constant


def two_classes(r: ScoreFieldRequest) -> None:
    """Raises Refused unless the data has both classes."""
    if r.data == "drawn" and len({row[2] for row in r.rows}) < 2:
        raise Refused("Guidance needs points of two classes: draw some in the other colour.")


def guided(r: ScoreFieldRequest) -> Iterator[Figure]:
    """Two classes from the same noise under each kind of guidance: how the cloud moves, shrinks and leaves points out."""
    points = r.points()
    two_classes(r)
    x, classes = randn((r.count, 2), generator(r.seed)), torch.arange(r.count) % 2
    judges = [Judge(points, r.count // 2, r.seed, label) for label in (0, 1)]
    truth, reader = torch.cat([j.data for j in judges]).numpy(), points.denoiser(r.schedule())
    films, panels = [], []
    for done, name in enumerate(r.guides):
        denoiser, prompts = guided_by(r, name, classes)
        films.append(
            film(way("heun", denoiser.schedule, r.steps), clip(denoiser, -FARTHEST, FARTHEST), x, prompts, r.seed)
        )
        panels.append(
            Panel(
                titled(r, name),
                judged(reader, judges, films[-1][-1], classes),
                classes=classes.byte().numpy(),
                truth=truth,
                paths=24,
            )
        )
        shown = [replace(p, points=f) for p, f in zip(panels, same_length(films), strict=True)]
        last = done + 1 == len(r.guides)
        yield Figure(
            shown, progress_labels(shown), playing=last, fraction=None if last else (done + 1) / len(r.guides),
            status="" if last else f"{GUIDES[r.guides[done + 1]]} …",
            caption=f"{r.about}; w = {r.scale:g}; Heun, {r.steps} steps, {r.count} points, seed {r.seed}; colour: the class asked for.",
            description=f"{len(shown)} planes with points of two classes: {', '.join(p.title for p in shown)}. With more guidance they gather where their class is surest.",
        )  # fmt: skip


def titled(r: ScoreFieldRequest, name: str) -> str:
    """A guide's title with its scale."""
    return "conditional (w = 1)" if name == "none" else f"{GUIDES[name]}, w = {r.scale:g}"


def judged(reader: Mixture, judges: Sequence[Judge], x: np.ndarray, classes: Tensor) -> str:
    """How many points (N, 2) the exact classifier finds in the right class, and their distance to their class."""
    x, t = torch.as_tensor(x), torch.zeros(len(x), dtype=torch.long)
    odds = [reader.log_density(x, t, reader.encode([k] * len(x))) for k in (0, 1)]
    right = ((odds[1] > odds[0]).long() == classes).float().mean()
    far = sum(judge.of(x[classes == k]) for k, judge in enumerate(judges)) / 2
    return f"class right {right:.0%} · energy distance {far:.4f}, floor {sum(j.floor for j in judges) / 2:.4f}"


# ---- quality against steps ------------------------------------------------------------------------------------------


def quality(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The distance to the data against network calls, by sampler, all from one noise."""
    denoiser, points = r.denoiser(), r.points()
    x, judge = randn((r.count, 2), generator(r.seed)), Judge(points, r.count, r.seed)
    names = [name for name in r.samplers if name in ("ddpm", "ddim", "heun")] or ["ddpm", "ddim", "heun"]
    curves, total = {name: ([], []) for name in names}, len(names) * len(COUNTS)
    panels, done = {}, 0
    for steps in COUNTS:
        for name in names:
            w = way(name, denoiser.schedule, steps)
            *_, last = steps_of(w, denoiser, x, [None] * r.count, r.seed)
            curves[name][0].append(w.calls)
            curves[name][1].append(judge.of(last.x_t))
            panels[name] = Panel(
                SAMPLERS[name],
                f"{w.calls} calls · {curves[name][1][-1]:.4f}",
                points=array([last.x_t]),
                truth=judge.data.numpy(),
            )
            done += 1
        lines = [Line(SAMPLERS[name], *curve) for name, curve in curves.items()]
        chart = Chart("Distance to the data", "network calls", "energy distance", lines, (True, True), judge.floor)
        yield Figure(
            list(panels.values()), charts=[chart], live=True, fraction=None if done == total else done / total,
            status="" if done == total else f"{steps} steps",
            caption=f"{r.about}; {r.count} points from one noise, seed {r.seed}; dotted: the floor, fresh data against data.",
            description="A chart: the distance to the data falls with the number of network calls and ends near the floor; Heun falls fastest.",
        )  # fmt: skip


VIEWS = {"forward": forward, "score": score, "sample": sample, "guide": guided, "quality": quality}
"""The views that are made in one go."""
