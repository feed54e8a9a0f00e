"""The files of a run: the trajectory as GIF, the result as PNG, everything as zip."""

import csv
import functools
import io
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

from core.pictures import images
from core.pictures.figures import Words, figure, gif
from core.runs.recording import Recording

FILES = ("GIF", "PNG", "All as zip")
STILL, MOVING = 1000, 512
"""Pixels of a row, about, in a run's PNG and in its GIF, which would have twice the bytes at twice the width."""


def download_row(titles: Sequence[str] = FILES) -> list[gr.DownloadButton]:
    """The buttons, empty."""
    return [gr.DownloadButton(t, interactive=False, size="sm", min_width=70) for t in titles]


def waiting() -> list[gr.DownloadButton]:
    """The three buttons while their files are made."""
    return [gr.DownloadButton(interactive=False) for _ in FILES]


def offered(*files: tuple[str, bytes]) -> list[gr.DownloadButton]:
    """A button per file, (name, content)."""
    return [gr.DownloadButton(value=temporary(*file), interactive=True) for file in files]


def filled(name: str, loop: bytes, picture: bytes, inside: Sequence[tuple[str, bytes]]) -> list[gr.DownloadButton]:
    """The three buttons with their files: a GIF, a PNG, and a zip of what is `inside`."""
    return offered((f"{name}.gif", loop), (f"{name}.png", picture), (f"{name}.zip", images.zip_of(inside)))


def trajectory(recording: Recording, value: dict) -> bytes:
    """The run as GIF, with the labels of its figure, the step and the caption.

    Args:
        value: the viewer's value; its caption and the step's label are printed under every step.
    """
    *way, last = recording.frames
    sheets = [*map(recording.plan.film, way), recording.plan.sheet(last)]
    moments = [frame["label"] for frame in value["frames"]]
    return gif(sheets, factor=factor(sheets[-1], MOVING), words=replace(_around(recording, value), moments=moments))


def saved(recording: Recording, value: dict, loop: bytes) -> list[gr.DownloadButton]:
    """The three buttons of a run: its trajectory, the result, and a zip with every single picture."""
    plan, settings, last = recording.plan, recording.settings, recording.frames[-1]
    sheet = plan.sheet(last)
    large = images.png(figure(images.enlarge(sheet, factor(sheet, STILL)), _around(recording, value)), settings)
    tiles = [
        (f"{title}.png", images.png(p, settings | {"picture": k})) for k, (title, p) in enumerate(plan.tiles(last))
    ]
    small = images.png(sheet, settings)
    return filled(plan.name, loop, large, [("grid.png", small), ("trajectory.gif", loop), *tiles])


def factor(sheet: np.ndarray, width: int) -> int:
    """The factor that enlarges a sheet to about that width."""
    return max(1, round(width / sheet.shape[1]))


def _around(recording: Recording, value: dict) -> Words:
    return Words(*map(list, recording.plan.printed), value["caption"])


def one_saved(
    recording: Recording, k: int, motion: tuple[str, bytes], pictures: Sequence[np.ndarray], caption: str
) -> list[gr.DownloadButton]:
    """The three buttons of a chosen picture: its GIF, its PNG, and a zip of the GIF and every picture of the run.

    Args:
        k: the index of the chosen picture.
        motion: the GIF's name in the zip, and the GIF.
        pictures: (H, W, C) each, enlarged here.
        caption: printed under the picture in the PNG; the pictures in the zip have none, for further use.
    """
    plan, settings, large = recording.plan, recording.settings, [images.enlarge(p, 8) for p in pictures]
    seeds = plan.request.seeds
    png = images.png(figure(large[k], Words(below=caption)), settings | {"picture": k})
    sheets = [
        (f"{j:02d}-seed-{s}.png", images.png(p, settings | {"picture": j - 1}))
        for j, (s, p) in enumerate(zip(seeds, large, strict=True), 1)
    ]
    return filled(f"{plan.request.KIND}-{plan.model}-seed-{seeds[k]}", motion[1], png, [motion, *sheets])


def table(rows: Iterable[Sequence]) -> bytes:
    """Rows as a CSV file, for other programs."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


_filing = threading.Lock()


def temporary(name: str, data: bytes) -> str:
    """Bytes as a file that Gradio may serve; the page's cache is cleaned by age."""
    with _filing:
        if not Path(_scratch_folder().name).is_dir():  # somebody deleted it: cleaning up, or a rule of the system
            _scratch_folder.cache_clear()
        folder = Path(tempfile.mkdtemp(prefix="picture-", dir=_scratch()))
        (folder / name).write_bytes(data)
    return str(folder / name)


@functools.cache
def _scratch_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="fun-with-diffusion-")


def _scratch(keep: int = 200) -> str:
    """This process's scratch folder, reduced to the newest `keep` entries; removed when the process ends."""
    folder = Path(_scratch_folder().name)
    for old in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return str(folder)
