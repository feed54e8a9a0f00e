"""Figures of the plane as numbers: what a view shows, before it is packed for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Panel:
    """One square of a figure. F is the figure's number of frames; a part without frames, or with one, stands still.

    Args:
        title, note: above and below it; the note may have several lines.
        points: (F, N, 2) or (N, 2).
        classes: (N,) uint8, the colours of the points; None for one colour.
        truth: (N', 2) or (F, N', 2), the data, faint behind the points.
        places: (M, 2), where the arrows stand.
        arrows: (F, M, 2) or (M, 2), in units of the data.
        density: (F, H, W) or (H, W) from 0 to 1, the square root of the density over its peak; row 0 has the largest y.
        paths: how many of the points leave a trace.
    """

    title: str
    note: str = ""
    points: np.ndarray | None = None
    classes: np.ndarray | None = None
    truth: np.ndarray | None = None
    places: np.ndarray | None = None
    arrows: np.ndarray | None = None
    density: np.ndarray | None = None
    paths: int = 0


@dataclass(frozen=True)
class Line:
    """One curve of a chart: its name, its points, and whether it is dashed."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves with named axes. `log`: whether x and y are logarithmic. `fresh`: the y of fresh data, to compare with."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    log: tuple[bool, bool] = (False, False)
    fresh: float | None = None


@dataclass(frozen=True)
class Figure:
    """Panels that share one slider over frames, and charts.

    Args:
        labels: one per frame.
        at: the frame shown first.
        caption: what it is, with its settings.
        description: the same for those who cannot see it.
        status: the progress of a run.
        fraction: its done share; None if no run is under way.
        playing: whether it plays once it is seen.
        returning: whether it plays to its end and back again.
        live: whether it replaces a figure of the same run, whose slider and zoom stay.
        run: the id of what it belongs to, such as a training; "" for nothing.
        words: what the marks of its panels are, for the legend: a key of MARKS -> words other than those in MARKS.
    """

    panels: Sequence[Panel]
    labels: Sequence[str] = ("",)
    at: int = 0
    caption: str = ""
    description: str = ""
    status: str = ""
    fraction: float | None = None
    live: bool = False
    playing: bool = False
    returning: bool = False
    run: str = ""
    charts: Sequence[Chart] = field(default_factory=tuple)
    words: Mapping[str, str] = field(default_factory=dict)

    def legend(self) -> list[tuple[str, str]]:
        """(key of MARKS, words) of the marks that its panels have."""
        shown = {
            name for p in self.panels for name in ("points", "truth", "density", "arrows", "paths") if _has(p, name)
        }
        if any(p.classes is not None for p in self.panels):
            shown = shown - {"points"} | {"class A", "class B"}
        return [(name, self.words.get(name, words)) for name, words in MARKS.items() if name in shown]


def _has(p: Panel, name: str) -> bool:
    part = getattr(p, name)
    return part is not None and not (name == "paths" and (not part or len(p.points) < 2))


MARKS = {
    "points": "points",
    "class A": "class A",
    "class B": "class B",
    "truth": "data",
    "paths": "paths of single points",
    "arrows": "score; arrow length: square root of its size, one scale for all panels, set anew in each frame",
    "density": "density",
}
"""The marks of panels in the order of the legend, and what they usually are."""
