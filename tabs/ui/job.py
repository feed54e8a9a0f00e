"""What every tab with a viewer does with a run: stream it, keep what it did, and make its files."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import gradio as gr
import numpy as np

from core.models.registry import spec
from core.pictures import images
from core.pictures.figures import Words, figure, gif
from core.runs import cost
from core.runs.licence import observe
from core.runs.prompts import left_out
from core.runs.recording import Recording
from tabs.ui.controls import temporary
from tabs.ui.gpu import placed
from tabs.ui.viewer import Arrange, finished, live

FILES = ("GIF", "PNG", "All as zip")


@dataclass(frozen=True)
class Show:
    """How a run is shown.

    Args:
        arrange: lays out the pictures of a frame.
        face: what the viewer shows around them, see `live`.
        caption: what the pictures are.
        model: the one that draws them.
        ours: the pictures that it draws, by number, where others stand beside them; by default all.
        prompts: that it reads.
    """

    arrange: Arrange
    face: dict
    caption: str
    model: str
    ours: Sequence[int] | None = None
    prompts: Sequence[str] = ()


def stream(
    recording: Recording,
    make: Callable[[str], Iterator],
    show: Show,
    device: str,
    price: tuple[int, float] | None = None,
) -> Iterator[dict]:
    """The viewer's values while a run goes on and at its end; how long it took from its first answer on is learnt for the
    next cost line.

    Args:
        make: from a device's name to the Steps.
        price: what was expected, (network calls, pictures in each); None where no cost is told before.
    """
    answered = []  # the times of the first answer and of the last

    def observed() -> Iterator:
        for step in recording.follow(placed(make, show.model, device, price, show.prompts)):
            answered[1:] = [time.monotonic()]
            yield step
        observe(recording, show.model, show.ours)

    recording.withheld = spec(show.model).withholds
    value = {}
    for value in live((recording,), observed(), show.arrange, show.face):
        if value["running"]:
            yield value
    if price and price[0] > 1:  # the first call may have waited until the model was brought
        cost.learn(show.model, device, price[0] - 1, price[1], answered[-1] - answered[0])
    yield value | {"caption": caption_of(recording, show)}


def kept(recording: Recording, show: Show) -> dict:
    """The viewer's value after a run or Stop, with every frame."""
    observe(recording, show.model, show.ours)
    return finished((recording,), show.arrange, show.face) | {"caption": caption_of(recording, show)}


def caption_of(recording: Recording, show: Show, k: int | None = None) -> str:
    """What a run's pictures are, what was said of them, and how far it got where it was stopped.

    Args:
        k: the one picture that it goes under, if not all: what was said of the others is left out.
    """
    notes = [note for note in recording.notes if k is None or note.startswith(f"Picture {k + 1}:")]
    return " ".join([show.caption, *left_out(show.model, show.prompts), *notes, *so_far(recording)])


def so_far(recording: Recording) -> list[str]:
    """A sentence on where a run was stopped; none where it reached its end."""
    last = recording.frames[-1]
    return [] if recording.done else [f"Stopped at step {last.i + 1} of {last.n}: the clean estimate so far."]


# ---- files ----------------------------------------------------------------------------------------------------------


def download_row(titles: Sequence[str] = FILES) -> list[gr.DownloadButton]:
    """The buttons, empty."""
    return [gr.DownloadButton(t, interactive=False, size="sm", min_width=70) for t in titles]


def waiting() -> list[gr.DownloadButton]:
    """The three buttons while their files are made."""
    return [gr.DownloadButton(interactive=False) for _ in FILES]


def filled(name: str, loop: bytes, picture: bytes, inside: Sequence[tuple[str, bytes]]) -> list[gr.DownloadButton]:
    """The three buttons with their files: a GIF, a PNG, and a zip of what is `inside`."""
    return offered((f"{name}.gif", loop), (f"{name}.png", picture), (f"{name}.zip", images.zip_of(inside)))


def offered(*files: tuple[str, bytes]) -> list[gr.DownloadButton]:
    """A button per file, (name, content)."""
    return [gr.DownloadButton(value=temporary(*file), interactive=True) for file in files]


def one_saved(
    name: str, title: str, settings: dict, loop: bytes, pictures: Sequence[np.ndarray], seeds: Sequence[int], k: int,
    caption: str,
) -> list[gr.DownloadButton]:  # fmt: skip
    """The three buttons of a chosen picture: its GIF, its PNG, and a zip of the GIF and every picture of the run.

    Args:
        title: what the GIF is called in the zip.
        pictures: (H, W, C) each, enlarged here; `seeds` are theirs.
        k: the chosen one.
        caption: what stands under it in the PNG; those in the zip, to be used further, have none.
    """
    large = [images.enlarge(p, 8) for p in pictures]
    png = images.png(figure(large[k], Words(below=caption)), settings | {"picture": k})
    sheets = [
        (f"{j:02d}-seed-{s}.png", images.png(p, settings | {"picture": j - 1}))
        for j, (s, p) in enumerate(zip(seeds, large, strict=True), 1)
    ]
    return filled(f"{name}-seed-{seeds[k]}", loop, png, [(title, loop), *sheets])


def saved(
    name: str,
    settings: dict,
    sheets: Sequence[np.ndarray],
    tiles: Sequence[tuple[str, np.ndarray]],
    shown: Mapping,
) -> tuple[bytes, list[gr.DownloadButton]]:
    """The trajectory as GIF bytes, and the three buttons: it, the result as PNG, a zip with every single picture.

    Args:
        sheets: one (H, W, C) grid per kept step; the last is the result.
        tiles: (file name without ending, pixels) of every single picture.
        shown: the viewer's value: its caption stands under the result and under every step, as does the step's label;
            its grid has the names of the columns, "across", and of the rows, "down", where there are any.
    """
    factor = max(1, round(1000 / sheets[-1].shape[1]))
    grid, moments = shown.get("grid", {}), [frame["label"] for frame in shown["frames"]]
    around = Words(grid.get("across", ()), grid.get("down", ()), shown["caption"])
    loop = gif(sheets, factor=factor, words=replace(around, moments=moments))
    large = images.png(figure(images.enlarge(sheets[-1], factor), around), settings)
    inside = [(f"{title}.png", images.png(p, settings | {"picture": k})) for k, (title, p) in enumerate(tiles)]
    small = images.png(sheets[-1], settings)
    return loop, filled(name, loop, large, [("grid.png", small), ("trajectory.gif", loop), *inside])
