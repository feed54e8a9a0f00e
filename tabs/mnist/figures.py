"""The figures of the single-step denoiser: digits in rows under their noise levels, the errors as a chart, mean digits."""

from collections.abc import Iterable, Sequence

import gradio as gr
import numpy as np

from core.models.mnist_losses import SIGMA
from core.pictures.figures import Words, figure
from core.pictures.images import data_uri, enlarge, grid, png, zip_of
from core.runs.single_step import Answer, SingleStep, SingleStepRequest
from tabs.ui.files import offered, table
from tabs.ui.plane import chart, charts

TILE = 112
"""Pixels of a digit's side in the saved figure."""


def caption(text: str) -> str:
    """A line under a figure."""
    return f'<div class="caption">{text}</div>'


def digits(pixels: np.ndarray, names: Iterable[str]) -> str:
    """(N, 28, 28, 1) uint8 as N cells of a row, with their names for those who do not see them."""
    return "".join(f'<img alt="{name}" src="{data_uri(png(p))}">' for p, name in zip(pixels, names, strict=True))


def row(title: str, cells: str) -> str:
    """A row of `rows`."""
    return f'<span class="row">{title}</span>{cells}'


def rows(n: int, *found: str) -> str:
    """Rows of n cells each, one below the other."""
    return f'<div class="seven" style="--n:{n}">{"".join(found)}</div>'


def levels(plan: SingleStep, answer: Answer) -> str:
    """The noisy digits and the denoised ones under their noise levels, the error under each, and the plan's caption."""
    sigmas, found = plan.request.sigmas, [row("σ", numbers(plan.request.sigmas, "g"))]
    for name, pixels, errors in _series(answer):
        found += [
            row(name, digits(pixels, (f"{name}, sigma {s:g}" for s in sigmas))),
            row("error", numbers(errors, ".4f")),
        ]
    return rows(plan.count, *found) + caption(plan.caption)


def saved(plan: SingleStep, answer: Answer) -> list[gr.DownloadButton]:
    """The two buttons with their files: the noisy digits above the denoised ones as PNG; a zip with it, every digit, and
    the errors."""
    sigmas, settings, n = plan.request.sigmas, plan.settings(), plan.count
    both = np.concatenate([pixels for _, pixels, _ in _series(answer)])
    told = "; ".join(f"{name} {', '.join(f'{e:.4f}' for e in each)}" for name, _, each in _series(answer))
    words = Words(
        [f"σ = {s:g}" for s in sigmas], [name for name, *_ in _series(answer)], f"{plan.caption} Errors: {told}."
    )
    whole = png(figure(enlarge(grid(both, n), TILE // both.shape[1]), words), settings)
    names = [f"{name}-sigma-{s:g}" for name, *_ in _series(answer) for s in sigmas]
    digits = [(f"{k:02d}-{name}.png", png(p, settings)) for k, (name, p) in enumerate(zip(names, both, strict=True), 1)]
    rows = [("sigma", "noisy", "denoised"), *zip(sigmas, answer.before, answer.after, strict=True)]
    inside = [("figure.png", whole), *digits, ("errors.csv", table(rows))]
    return offered((f"{plan.name}.png", whole), (f"{plan.name}.zip", zip_of(inside)))


def several(request: SingleStepRequest, answers: Sequence[Answer]) -> str:
    """Several digits at the same noise levels: a noisy and a denoised row of each, and the mean errors."""
    found = [row("σ", numbers(request.sigmas, "g"))]
    for answer in answers:
        for name, pixels, _ in _series(answer):
            found.append(row(name, digits(pixels, (f"{name}, sigma {s:g}" for s in request.sigmas))))
    for name, errors in (
        ("error, noisy", [a.before for a in answers]),
        ("error, denoised", [a.after for a in answers]),
    ):
        found.append(row(name, numbers(np.mean(errors, 0), ".4f")))
    note = (
        f"Digits that our own model drew, each with a noise of its own (seeds {request.seed} and on) times σ. The network "
        f"was trained at σ = {SIGMA:g} alone: beyond it the strokes thin out, far beyond it speckle stays."
    )
    return rows(len(request.sigmas), *found) + caption(note)


def numbers(values: Sequence[float], form: str) -> str:
    """Numbers as the cells of a row."""
    return "".join(f"<span>{v:{form}}</span>" for v in values)


def errors(plan: SingleStep, answer: Answer) -> dict:
    """The errors against the noise levels, as a chart."""
    lines = [{"name": name, "x": [*plan.request.sigmas], "y": [*each]} for name, _, each in _series(answer)]
    return charts(chart("Error to the clean digit", "σ", "mean squared error", lines))


def _series(answer: Answer) -> list[tuple[str, np.ndarray, list[float]]]:
    return [("noisy", answer.noisy, answer.before), ("denoised", answer.denoised, answer.after)]


def mean_digits(answers: np.ndarray, note: str) -> str:
    """The answers to pure noise, (N, 28, 28, 1) uint8, in a row, with a line under them."""
    cells = digits(answers, (f"Answer {k}" for k in range(1, len(answers) + 1)))
    return rows(len(answers), row("answers", cells)) + caption(note)
