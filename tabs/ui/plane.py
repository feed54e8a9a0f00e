"""The plane shows points, arrows, density and paths in two dimensions; the server sends numbers, the page draws them."""

import base64
from collections.abc import Iterable, Sequence

import gradio as gr
import numpy as np

from core.runs.panels import Chart, Panel
from tabs.ui.theme import asset, script

LARGEST = 32767
"""The largest int16."""


def bytes64(array: np.ndarray, kind: str) -> str:
    """The bytes of an array of that dtype, row by row, in base64."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode("ascii")


def as_int16(array: np.ndarray) -> dict:
    """Numbers of any shape as little-endian int16 times a scale: {"data": base64, "shape": [...], "scale": s}.

    The largest finite size becomes 32767, so that each finite number is off by at most scale / 2. An infinite one
    becomes the largest of its sign, and NaN becomes 0.
    """
    array = np.asarray(array, np.float64)
    finite = np.abs(array[np.isfinite(array)])
    scale = max(float(finite.max(initial=0.0)) / LARGEST, 1e-300) if finite.any() else 1.0
    whole = np.rint(np.nan_to_num(array / scale, nan=0.0, posinf=LARGEST, neginf=-LARGEST))
    return {"data": bytes64(whole, "<i2"), "shape": [*array.shape], "scale": scale}


def levels(array: np.ndarray) -> dict:
    """Densities in [0, 1], of any shape, as uint8: {"data": base64, "shape": [...]}.

    What is outside is clipped, and NaN becomes 0.
    """
    array = np.asarray(array, np.float64)
    whole = np.rint(255 * np.nan_to_num(array, nan=0.0).clip(0, 1))
    return {"data": bytes64(whole, "u1"), "shape": [*array.shape]}


def _frames(array: np.ndarray) -> dict:
    """Places (F, N, 2), or (N, 2) for those that stay, packed as (F or 1, N, 2)."""
    array = np.asarray(array)
    return as_int16(array[None] if array.ndim == 2 else array)


def panel(p: Panel) -> dict:
    """One square of a plane, packed; eight colours for the classes, then again the first."""
    labels = None if p.classes is None else bytes64(np.asarray(p.classes, np.int64) % 256, "u1")
    sheet = None if p.density is None else np.asarray(p.density)
    return {
        "title": p.title,
        "note": p.note,
        "points": None if p.points is None else {"at": _frames(p.points), "classes": labels},
        "truth": None if p.truth is None else _frames(p.truth),
        "arrows": None if p.arrows is None else {"from": _frames(p.places), "to": _frames(p.arrows)},
        "density": None if sheet is None else levels(sheet[None] if sheet.ndim == 2 else sheet),
        "paths": p.paths,
    }


def chart(
    title: str,
    x: str,
    y: str,
    series: Sequence[dict],
    *,
    log: tuple[bool, bool] = (False, False),
    within: Sequence[Sequence[float] | None] = (None, None),
    fresh: float | None = None,
) -> dict:
    """A line chart, under a plane's panels or alone.

    Args:
        x, y: the names of the axes.
        series: {"name": str, "x": [...], "y": [...], "dashed": bool} each; what is not finite is left out. "hollow": [bool]
            marks points that stand for another value, "labels": [str] stand beside the points; a "faint" curve stands
            behind the others; "colour": the number of the curve whose colour it has.
        log: whether x and y are logarithmic.
        within: the ends of x and y; by default those of the curves. A point beyond them is left out.
        fresh: the y of fresh data, drawn dotted; a curve may cross it.
    """
    return {
        "title": title, "x": x, "y": y, "log": [*log], "within": [*within], "series": [*series], "fresh": fresh,
    }  # fmt: skip


def curves(rows: Iterable[tuple[float, float, str]]) -> list[dict]:
    """Rows of x, y and the name of a curve as the series of a chart, in the order in which they are named first."""
    found: dict[str, dict] = {}
    for x, y, name in rows:
        line = found.setdefault(name, {"name": name, "x": [], "y": []})
        line["x"].append(x)
        line["y"].append(y)
    return [*found.values()]


def charts(*found: dict, caption: str = "") -> dict:
    """Charts alone, without panels, as a plane's value."""
    return {"panels": [], "charts": [*found], "caption": caption}


def chart_of(c: Chart) -> dict:
    """A chart of `core.runs.panels`."""
    lines = [{"name": line.name, "x": list(line.x), "y": list(line.y), "dashed": line.dashed} for line in c.lines]
    return chart(c.title, c.x, c.y, lines, log=c.log, fresh=c.fresh)


def plane(elem_id: str, value: dict | None = None) -> gr.HTML:
    """Square panels that share one slider over the frames, one zoom and one view, and charts under them.

    A click triggers `input` with a place; `probed` reads it from the event.

    Args:
        value: what it shows. All but "panels" may be left out.
            panels: of `panel`; what has one frame only stays during all of them.
            frames, labels: their number, and the words for each beside the slider.
            at: the frame shown first.
            view: the panels show [-view, view] x [-view, view].
            playing: it plays once it is seen, unless the system asks for less motion.
            returning: it plays to its end and back again.
            keep: the same figure goes on: zoom, probe and frame stay; a slider at its end stays at the end.
            charts: of `chart`.
            legend: [mark, words] each, with a mark of "points", "class A", "class B", "truth", "paths", "arrows", "density".
            status, fraction: the line above the panels, and the part done in [0, 1] of a run under way, else None.
            caption: below everything. description: what a screen reader says.
            run: an id; with another one the mark of other settings goes.
            settings: what a saved PNG carries, with the app's key under "app", as `core.runs.request.Request.settings`.
    """
    return gr.HTML(
        value=value or {},
        html_template=asset("plane/plane.html"),
        js_on_load=script("plane"),
        elem_id=elem_id,
        apply_default_css=False,
        min_height=320,
    )


def probed(event: gr.EventData) -> tuple[float, float] | None:
    """The place (x, y) that a click on a plane sent, in data units; None if there is none. Any client is held to that."""
    data = event._data
    place = data.get("probe") if isinstance(data, dict) else None
    if not isinstance(place, list) or len(place) != 2 or any(type(v) not in (int, float) for v in place):
        return None
    x, y = (float(np.clip(v, -1e6, 1e6)) for v in place)
    return (x, y) if np.isfinite([x, y]).all() else None
