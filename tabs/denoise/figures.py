"""The figures of the tab Forward & denoise: rows of small pictures, on the page and in one file; the chart."""

import html
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.pictures import images
from core.pictures.figures import Words, plain
from core.pictures.figures import figure as with_words
from core.runs.comparison import Comparison
from core.runs.denoise import BY_NETWORK, LADDER, METHODS, DenoiseRequest, Estimate
from tabs.ui.figure import figure, tile
from tabs.ui.files import table
from tabs.ui.plane import chart, charts, curves

PSNR = "PSNR in dB"
Cell = tuple[np.ndarray | None, str, Sequence[str]]
"""A picture or None, its name, and the lines under it."""
Panel = tuple[Sequence[str], list[tuple[str, list[Cell]]]]
"""The labels of the columns, and rows of cells, each with its label."""


def noising(this: Comparison) -> Panel:
    """The row of noised pictures."""
    head = [f"t = {t}" for t in LADDER]
    pixels = [None] * len(LADDER) if this.beside.ladder is None else this.beside.ladder
    return head, [("x_t", [(p, h, ()) for h, p in zip(head, pixels, strict=True)])]


def comparison(this: Comparison) -> Panel:
    """A row per timestep, a column per method, with PSNR, setting and number of network calls under each."""
    at = {(e.t, e.method): e for e in this.found}
    rows = [(f"t = {t}", [cell(at.get((t, m)), t, m) for m in METHODS]) for t in this.plan.request.levels]
    return ["noisy x_t", *METHODS[1:]], rows


def cell(e: Estimate | None, t: int, method: str) -> Cell:
    """An estimate with its numbers, or its empty place."""
    if e is None:
        return None, method, ("–", "–")
    return e.pixels, f"{method} at t = {t}", (f"{e.db:.1f} dB", e.knob or spent(e))


def spent(e: Estimate) -> str:
    """The number of network calls in words, for the methods that have a network."""
    return f"{e.calls} network call{'s' * (e.calls != 1)}" if e.method in BY_NETWORK else ""


def progress(this: Comparison) -> Panel:
    """The shown states of the longest iterative run, each in a fixed place."""
    head = moments(this.plan.request)
    pixels = [*this.states, *[None] * (len(head) - len(this.states))]
    return head, [("iterative x_t", [(p, h, ()) for h, p in zip(head, pixels, strict=True)])]


def moments(request: DenoiseRequest) -> list[str]:
    """The labels of the states that are shown."""
    return [f"t = {request.visits[i]}" for i in request.shown[:-1]] + ["result"]


def on_page(panel: Panel, caption: str = "") -> str:
    """A panel as HTML, in a box that scrolls sideways on a narrow page."""
    head, rows = panel
    body = figure(head, [(label, [tile(*c) for c in cells]) for label, cells in rows])
    below = f'<div class="caption">{html.escape(caption)}</div>' if caption else ""
    return f'<div class="figure-box">{body}</div>{below}'


# ---- the chart ------------------------------------------------------------------------------------------------------


def points(found: Iterable[Estimate]) -> list[tuple[int, float, str]]:
    """The chart's points, (t, PSNR, method), method by method."""
    return sorted(((e.t, round(e.db, 2), e.method) for e in found), key=lambda r: (METHODS.index(r[2]), r[0]))


def quality(found: Iterable[Estimate] = ()) -> dict:
    """PSNR against t as a chart; every method has its place in the legend and its colour from the start."""
    named = {line["name"]: line for line in curves(points(found))}
    series = [named.get(method, {"name": method, "x": [], "y": []}) for method in METHODS]
    return charts(chart(PSNR, "t", "higher is nearer to the clean picture", series, within=((0, 1000), None)))


def as_csv(found: Iterable[Estimate]) -> bytes:
    """The chart's points as a table for other programs."""
    return table([("t", PSNR, "method"), *points(found)])


# ---- the picture to keep --------------------------------------------------------------------------------------------

SIDE, GAP, LEFT, LINE, MARGIN = 128, 12, 96, 18, 20  # pixels


def sheet(panels: Sequence[Panel], caption: str) -> np.ndarray:
    """Panels below each other as one picture (H, W, 3) uint8 with all labels, black on white."""
    most = max(len(head) for head, _ in panels)
    width = 2 * MARGIN + LEFT + most * (SIDE + GAP)
    page = Image.new("RGB", (width, MARGIN + sum(map(height, panels))), "white")
    pen, y = ImageDraw.Draw(page), MARGIN
    font = ImageFont.load_default(14)
    for panel in panels:
        _draw(page, pen, font, panel, y)
        y += height(panel)
    return with_words(np.asarray(page), Words(below=caption))


def height(panel: Panel) -> int:
    """The height of a panel on the sheet, in pixels."""
    _, rows = panel
    return LINE + 4 + sum(SIDE + GAP + LINE * len(cells[0][2]) for _, cells in rows)


def _draw(page: Image.Image, pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, panel: Panel, y: int) -> None:
    """Draw a panel from y downwards."""
    head, rows = panel
    xs = [MARGIN + LEFT + k * (SIDE + GAP) for k in range(len(head))]
    for x, text in zip(xs, head, strict=True):
        _write(pen, font, (x + SIDE // 2, y), text, "ma")
    y += LINE + 4
    for label, cells in rows:
        _write(pen, font, (MARGIN, y + SIDE // 2), label, "lm")
        for x, (pixels, _, lines) in zip(xs, cells, strict=True):
            if pixels is not None:
                page.paste(images.to_pil(images.enlarge(pixels, SIDE // len(pixels))), (x, y))
            for k, text in enumerate(lines, 1):
                _write(pen, font, (x + SIDE // 2, y + SIDE + LINE * k - 4), text, "ms")
        y += SIDE + GAP + LINE * len(cells[0][2])


def _write(pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, at: tuple[int, int], text: str, anchor: str) -> None:
    """Write in Pillow's own font, which has only English letters."""
    pen.text(at, plain(text), "black", font, anchor)
