"""Sampling in the plane: runs of each sampler from one noise, and how far their points end from the data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.distances import energy_distance
from core.diffusion.langevin import REPEATS, annealed_langevin, geometric
from core.diffusion.loop import Step
from core.diffusion.noise import branch, generator, randn
from core.diffusion.sampler_table import ANCESTRAL
from core.diffusion.samplers import ddim, heun
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.runs.panels import Chart, Figure, Line, Panel
from core.runs.score_field import SAMPLERS, ScoreFieldRequest
from core.wording import counted

FRAMES = 33
"""The most kept frames of a run."""
DATA = 1000
"""The number of data points, for distances and for display."""
NOISE_LEVELS = 10
"""The number of noise levels of Langevin dynamics."""
LANGEVIN_PATHS = 3
"""The number of paths drawn for Langevin dynamics. A random walk soon covers the whole panel."""
COUNTS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100)
"""Steps in the chart of quality."""


def array(tensors: Sequence[Tensor]) -> np.ndarray:
    """(F, ...) float32 from F tensors."""
    return torch.stack(list(tensors)).float().numpy()


@dataclass(frozen=True)
class Way:
    """A sampler at a number of steps: its timesteps, its Steps, and the network calls that it takes.

    Args:
        words: its steps in words.
    """

    run: Callable
    timesteps: list[int]
    calls: int
    words: str


def way(name: str, schedule: Schedule, steps: int) -> Way:
    """A sampler of SAMPLERS; Langevin dynamics take NOISE_LEVELS levels whatever the steps."""
    if name == "langevin":
        levels = f"{NOISE_LEVELS} levels of {REPEATS} steps"
        return Way(annealed_langevin, geometric(schedule, NOISE_LEVELS), NOISE_LEVELS * REPEATS, levels)
    if name == "plain":
        smallest, many = geometric(schedule, NOISE_LEVELS)[-1:], NOISE_LEVELS * REPEATS
        return Way(lambda *args: annealed_langevin(*args, repeats=many), smallest, many, f"{many:,} steps at one level")
    run, calls = {"ddpm": (ANCESTRAL, steps), "ddim": (ddim, steps), "heun": (heun, 2 * steps - 1)}[name]
    return Way(run, schedule.timesteps(steps), calls, f"{steps} step{'s' * (steps > 1)}")


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
    """All runs with as many frames as the longest run. A shorter run repeats frames."""
    most = max(map(len, films))
    return [f[np.linspace(0, len(f) - 1, most).round().astype(int)] for f in films]


class Judge:
    """The distances of samples to the data, and the distance of as many fresh data points. A good sampler may be above
    or below the latter.

    Args:
        count: samples that are judged at once, on which the distance of fresh data depends.
    """

    def __init__(self, points, count: int, seed: int, label: int | None = None):
        self.data = self._drawn(points, DATA, branch(seed, 2), label)
        others = (self._drawn(points, count, branch(seed, k), label) for k in (3, 4, 5))
        self.fresh = sum(energy_distance(other, self.data) for other in others) / 3

    @staticmethod
    def _drawn(points, n: int, seed: int, label: int | None) -> Tensor:
        x, classes = points.draw(n if label is None else 4 * n, generator(seed))
        return x if label is None else x[classes == label][:n]

    def note(self, x: Tensor | np.ndarray) -> str:
        """Two lines about the end of a run (N, 2)."""
        return f"at the end: energy distance {self.of(x):.4f}\n(fresh data: {self.fresh:.4f})"

    def of(self, x: Tensor | np.ndarray) -> float:
        """The energy distance of samples (N, 2) to the data."""
        return energy_distance(torch.as_tensor(x), self.data)


SAMPLED_WORDS = {"points": "samples", "truth": "data, for comparison", "paths": "paths of a few samples from the noise"}
"""The legend of a figure of samples."""


def cost(w: Way, factor: str = "") -> str:
    """A sampler's steps and network calls in words."""
    return f"{w.words}, {w.calls:,} network call{'s' * (w.calls > 1)}{factor}"


def sample(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The same noise run by each sampler: the paths of the points, and how far they end from the data."""
    denoiser, points = r.denoiser(), r.points()
    x, judge = randn((r.count, 2), generator(r.seed)), Judge(points, r.count, r.seed)
    truth, films, panels = judge.data.numpy(), [], []
    for done, name in enumerate(r.samplers):
        w = way(name, denoiser.schedule, r.steps)
        films.append(film(w, denoiser, x, [None] * r.count, r.seed))
        note = f"{cost(w)}\n{judge.note(films[-1][-1])}"
        panels.append(
            Panel(SAMPLERS[name], note, truth=truth, paths=LANGEVIN_PATHS if w.calls == NOISE_LEVELS * REPEATS else 24)
        )
        shown = [replace(p, points=f) for p, f in zip(panels, same_length(films), strict=True)]
        caption = f"{r.about}; {r.count} points from one noise, seed {r.seed}."
        last = done + 1 == len(r.samplers)
        yield Figure(
            shown, progress_labels(shown), caption=caption, playing=last, words=SAMPLED_WORDS, fraction=None if last else (done + 1) / len(r.samplers),
            status="" if last else f"{SAMPLERS[r.samplers[done + 1]]} …",
            description=f"{counted(len(shown), 'plane')}: a round cloud of points moves towards {r.about}. {in_words(shown)}",
        )  # fmt: skip


def in_words(panels: Sequence[Panel]) -> str:
    """The panels and the notes below them, in words."""
    return " ".join(f"{p.title}: {' '.join(p.note.split())}." for p in panels)


def progress_labels(panels: Sequence[Panel]) -> list[str]:
    """A label for each frame of runs of different lengths."""
    n = len(panels[0].points) - 1
    return [f"{100 * k / max(n, 1):.0f} % of the way" for k in range(n + 1)]


def quality(r: ScoreFieldRequest) -> Iterator[Figure]:
    """The distance to the data against network calls, one curve per sampler. All start from the same noise."""
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
                f"{cost(w)}\n{judge.note(last.x_t)}",
                points=array([last.x_t]),
                truth=judge.data.numpy(),
            )
            done += 1
        lines = [Line(SAMPLERS[name], *curve) for name, curve in curves.items()]
        chart = Chart("Distance to the data", "network calls", "energy distance", lines, (True, True), judge.fresh)
        yield Figure(
            list(panels.values()), charts=[chart], live=True, fraction=None if done == total else done / total,
            status="" if done == total else f"{steps} steps", words=SAMPLED_WORDS,
            caption=f"{r.about}; {r.count} points from one noise, seed {r.seed}. The dotted line is the distance of as many fresh data points.",
            description="A chart: the distance to the data falls with the number of network calls and ends near that of fresh data; Heun falls fastest.",
        )  # fmt: skip
