"""The figure of a view that is opened before its button is pressed: the start of its run, or the training so far."""

from collections.abc import Callable

import numpy as np

from core.diffusion.noise import generator, randn
from core.runs.live_training import prepare
from core.runs.panels import Figure, Panel
from core.runs.plane_guidance import GUIDED_WORDS, second, titled
from core.runs.plane_sampling import DATA, SAMPLED_WORDS, cost, way
from core.runs.plane_training import SHOWN_AT, trained_so_far
from core.runs.plane_views import ARROWS, field, grid
from core.runs.score_field import SAMPLERS, ScoreFieldRequest
from core.wording import counted

DRAW = "Draw your points on the sheet, or upload a table. Mouse, pen and finger all draw."


def nothing_drawn(r: ScoreFieldRequest) -> bool:
    """Whether the person's own points are asked for and there are none."""
    return r.data == "drawn" and not r.rows


def no_points(r: ScoreFieldRequest) -> Figure:
    """An empty plane that asks for points."""
    return Figure([Panel("Your points", "There are none yet.")], caption=DRAW, status=DRAW, description=DRAW)


def _data(r: ScoreFieldRequest) -> np.ndarray:
    return r.points().draw(DATA, generator(r.seed))[0].numpy()


def sample(r: ScoreFieldRequest) -> Figure:
    """The noise that all samplers begin with, and what each will take."""
    ways = {name: way(name, r.schedule(), r.steps) for name in r.samplers}
    noise, truth = randn((1, r.count, 2), generator(r.seed)).numpy(), _data(r)
    panels = [Panel(SAMPLERS[name], cost(w), points=noise, truth=truth) for name, w in ways.items()]
    return _waiting(r, panels, "Sample")


def guide(r: ScoreFieldRequest) -> Figure:
    """The noise that all kinds of guidance begin with, and what each will take."""
    w, truth, classes = way("heun", r.schedule(), r.steps), _data(r), (np.arange(r.count) % 2).astype(np.uint8)
    noise = randn((1, r.count, 2), generator(r.seed)).numpy()
    panels = [
        Panel(titled(r, name), cost(w, second(r, name)), points=noise, classes=classes, truth=truth)
        for name in r.guides
    ]
    return _waiting(r, panels, "Guide")


def train(r: ScoreFieldRequest) -> Figure:
    """The training of this page so far; without one, the data and the score that is to be learned."""
    if r.trained() is not None:
        return next(trained_so_far(r))
    prepare()
    t = round(SHOWN_AT * r.schedule().T)
    arrows = field(r.points().denoiser(r.schedule()), t, grid(ARROWS)).numpy()[None]
    panel = Panel("To be learned: the score", f"at t = {t}", truth=_data(r), places=grid(ARROWS).numpy(), arrows=arrows)
    return _waiting(r, [panel], "Start")


def _waiting(r: ScoreFieldRequest, panels: list[Panel], button: str) -> Figure:
    words = {name: words.replace("samples", "noise, the same in all panels") for name, words in WORDS.items()}
    return Figure(
        panels, caption=f"{r.about}; seed {r.seed}.", status=f"Press {button}.", words=words,
        description=f"{counted(len(panels), 'plane')} before the run: {', '.join(p.title for p in panels)}. Press {button}.",
    )  # fmt: skip


WORDS = GUIDED_WORDS | {"points": SAMPLED_WORDS["points"], "truth": "data, without noise (t = 0)"}
OPENED: dict[str, Callable[[ScoreFieldRequest], Figure]] = {"sample": sample, "guide": guide, "train": train}
"""View with a button -> function that makes its figure before the button is pressed."""


def opened(r: ScoreFieldRequest, view: str) -> Figure:
    """The first figure of a view with a button."""
    return no_points(r) if nothing_drawn(r) else OPENED[view](r)
