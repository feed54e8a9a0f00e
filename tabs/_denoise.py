"""The input and the figures of the tab Forward & denoise."""

import functools
from collections.abc import Sequence

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from core import images
from core.denoising import LADDER, METHODS, Denoising, Estimate
from core.scenes import SCENES
from tabs._common import Shared
from tabs._figure import figure, tile

COLOURS = dict(zip(METHODS, ("#a1a1aa", "#0ea5e9", "#14b8a6", "#f59e0b", "#4f46e5", "#db2777"), strict=True))
NO_PICTURE = "There is no picture yet: upload one, choose an example, or let the model draw one."


def clean_of(picture: Image.Image | None) -> Image.Image:
    """Any picture as the 64x64 RGB square that is worked on. Raises ValueError if there is none."""
    if not isinstance(picture, Image.Image):
        raise ValueError(NO_PICTURE)
    return images.square(images.to_rgb(picture), 64)


def noising(job: Denoising) -> str:
    """The row of noised pictures."""
    tiles = [tile(p, f"t = {t}") for t, p in zip(LADDER, job.ladder(), strict=True)]
    return figure([f"t = {t}" for t in LADDER], [("x_t", tiles)])


def comparison(levels: Sequence[int], found: Sequence[Estimate]) -> str:
    """A row per timestep, a column per method, with PSNR, setting and number of evaluations under each."""
    at = {(e.t, e.method): e for e in found}
    rows = []
    for t in levels:
        row = [at.get((t, m)) for m in METHODS]
        tiles = [
            tile(e.pixels, f"{m} at t = {t}", [f"{e.db:.1f} dB", e.knob or spent(e.calls, m)])
            if e
            else tile(None, m, ["–", "–"])
            for m, e in zip(METHODS, row, strict=True)
        ]
        rows.append((f"t = {t}", tiles))
    return figure(["noisy x_t", *METHODS[1:]], rows)


def spent(calls: int, method: str) -> str:
    """The number of network evaluations in words, for the methods that have a network."""
    return f"{calls} evaluation{'s' * (calls != 1)}" if method in ("one step", "iterative") else "–"


def progress(kept: Sequence[tuple[int, np.ndarray]]) -> str:
    """Every fifth clean estimate and state of the longest iterative run."""
    if not kept:
        return ""
    head = [f"t = {t}" if t >= 0 else "result" for t, _ in kept]
    return figure(head, [("iterative", [tile(p, h) for h, (_, p) in zip(head, kept, strict=True)])])


def table(found: Sequence[Estimate]) -> pd.DataFrame:
    """The chart's points."""
    rows = sorted(((e.t, round(e.db, 2), e.method) for e in found), key=lambda r: (METHODS.index(r[2]), r[0]))
    return pd.DataFrame(rows, columns=["t", "PSNR in dB", "method"])


def picture_input(shared: Shared, own: str, label: str = "Picture") -> gr.Image:
    """The input that takes a picture from disk, clipboard or another tab, with the examples under it."""
    first = next(iter(SCENES.values()))
    picture = gr.Image(
        first(), type="pil", image_mode=None, format="png", label=label, sources=["upload", "clipboard"], height=230,
        elem_id=f"{own}-picture",
    )  # fmt: skip
    with gr.Row(elem_classes="presets"):
        for name, scene in SCENES.items():
            button = gr.Button(name, size="sm", min_width=60)
            button.click(functools.partial(scene), None, picture, api_visibility="private", queue=False)
    shared.inbox[own] = picture, None
    return picture
