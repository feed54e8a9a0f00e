"""A page with a plane and a drawing sheet, and the figures that its buttons show."""

import time
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
import numpy as np

from core.runs.panels import Panel
from tabs.ui.drawing import drawing
from tabs.ui.plane import chart, panel, plane, probed

UPDATES = 10


def moons(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, (N, 2), and the class of each point, (N,)."""
    random = np.random.default_rng(seed)
    angle, kind = np.pi * random.random(n), np.arange(n) % 2
    x = np.where(kind, 1 - np.cos(angle), np.cos(angle)) - 0.5
    y = np.where(kind, 0.5 - np.sin(angle), np.sin(angle)) - 0.25
    return 1.5 * np.stack([x, y], 1) + 0.08 * random.normal(size=(n, 2)), kind


def lattice(side: int, half: float = 3.0) -> np.ndarray:
    """The middles of side x side cells, (M, 2)."""
    line = half * ((2 * np.arange(side) + 1) / side - 1)
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def field(places: np.ndarray, data: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Score, (M, 2), and density, (M,), of the data blurred with sigma."""
    apart = data[None] - places[:, None]
    weights = np.exp(-(apart**2).sum(-1) / (2 * sigma**2)) + 1e-30
    return (weights[..., None] * apart).sum(1) / weights.sum(1, keepdims=True) / sigma**2, weights.mean(1)


def figure(n: int = 400, side: int = 16, frames: int = 20, panels: int = 2, charts: int = 0, **more) -> dict:
    """Two moons that come out of noise, with score and density."""
    data, kind = moons(n)
    noise, rows = np.random.default_rng(1).normal(size=data.shape), np.linspace(1, 0, frames)
    points = np.stack([np.sqrt(1 - 0.98 * t) * data + np.sqrt(0.98 * t) * noise for t in rows])
    grid, cells = lattice(side), lattice(40).reshape(40, 40, 2)[::-1].reshape(-1, 2)
    sigmas, some = 0.25 + 0.9 * rows, data[:120]
    score = np.stack([field(grid, some, s)[0] for s in sigmas])
    cloud = np.stack([(d := field(cells, some, s)[1]).reshape(40, 40) / d.max() for s in sigmas])
    made = [
        Panel("Exact score", "closed form of the mixture", points, kind, places=grid, arrows=score),
        Panel("Density", "energy distance 0.012 (fresh data 0.010)", points, truth=data, paths=24),
        Panel("Learned score", "width 64, 2 000 steps", density=cloud, places=grid, arrows=0.8 * score),
        Panel("Guided, w = 3", "classifier-free", 0.8 * points, kind, density=cloud),
    ][:panels]
    if panels > 1:
        made[1] = replace(made[1], density=cloud)
    value = {
        "panels": [*map(panel, made)], "frames": frames, "labels": [f"t = {round(999 * t)}" for t in rows], "at": frames - 1, "view": 3.0,
        "charts": [loss(2000), distance()][:charts], "status": "done in 1.2 s", "fraction": None,
        "caption": "400 points of two moons out of the same noise, seed 180.",
        "description": "Points that leave a cloud of noise and gather on two half circles.",
    }  # fmt: skip
    return value | more


def loss(steps: int) -> dict:
    """A training curve."""
    x = np.arange(0, steps, 25)
    y = 1.2 * np.exp(-x / 250) + 0.32 + 0.03 * np.random.default_rng(2).normal(size=len(x))
    held = {"name": "held out", "x": x[::8].tolist(), "y": (y[::8] + 0.02).tolist(), "dashed": True}
    return chart("Loss", "step", "", [{"name": "training", "x": x.tolist(), "y": y.tolist(), "dashed": False}, held])


def distance() -> dict:
    """Distance to the data by steps, with that of fresh data."""
    x, names = [2, 5, 10, 20, 50, 100], ("Langevin", "DDPM", "DDIM")
    series = [
        {"name": s, "x": x, "y": [0.01 + (k + 1) / v**1.3 for v in x], "dashed": False} for k, s in enumerate(names)
    ]
    return chart("Energy distance", "steps", "", series, log=(True, True), fresh=0.01)


def stream() -> Iterator[dict]:
    """A figure that grows by a frame, four times a second, about 100 KB each."""
    whole = figure(n=1000, side=20, frames=UPDATES + 2, panels=2, charts=1)
    for k in range(1, UPDATES + 1):
        made = figure(n=1000, side=20, frames=k + 1, panels=2, charts=1, keep=True)
        yield made | {"status": f"step {k} / {UPDATES}", "fraction": k / UPDATES, "at": k, "charts": [loss(200 * k)]}
        time.sleep(0.25)
    yield whole | {"keep": True, "fraction": None, "status": "done"}


def counted(value: dict) -> str:
    """How many points of each class the server was given."""
    kinds = [c for *_, c in value["points"]]
    return f"A {kinds.count(0)}, B {kinds.count(1)}"


def told(event: gr.EventData) -> str:
    """The place that was clicked."""
    return f"probe {probed(event)}"


def demo() -> gr.Blocks:
    """The page."""
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    with gr.Blocks(analytics_enabled=False) as page, gr.Column():
        with gr.Row():
            names = ("one", "two", "three", "four", "play", "return", "large", "live")
            buttons = {name: gr.Button(name, elem_id=name, size="sm", min_width=40) for name in names}
        shown, said = plane("field", figure()), gr.Textbox(elem_id="said", label="said")
        sheet, count = drawing("sheet"), gr.Textbox(elem_id="count", label="count")
        changes = gr.Number(0, elem_id="changes", label="changes")
        given = gr.Button("give", elem_id="give")
        for name, make in {
            "one": lambda: figure(n=1500, side=20, panels=1), "two": figure, "three": lambda: figure(panels=3),
            "four": lambda: figure(panels=4, charts=2), "play": lambda: figure(at=0, playing=True),
            "return": lambda: figure(at=0, playing=True, returning=True),
            "large": lambda: figure(n=2000, side=20, frames=50, panels=1, at=0), "live": stream,
        }.items():  # fmt: skip
            buttons[name].click(make, None, shown, **quiet)
        shown.input(told, None, said, **quiet)
        sheet.input(counted, sheet, count, **quiet)
        sheet.change(lambda n: n + 1, changes, changes, **quiet)
        given.click(lambda: {"points": [[0, 0, 0], [1, 1, 1], [2, -2, 1]]}, None, sheet, **quiet)
    return page.queue()
