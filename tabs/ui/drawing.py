"""A sheet on which a person draws data points of two classes with mouse, pen or finger."""

import base64
import binascii
from collections.abc import Mapping

import gradio as gr
import numpy as np

from tabs.ui.plane import bytes64
from tabs.ui.theme import asset

MOST = 10_000
"""The most points of a drawing."""
SIDE = 3.0
"""Half the width of the sheet, in data units."""
UNIT = 1000
"""Places travel as whole thousandths."""


def _numbers(points: object) -> np.ndarray:
    """Points [[x, y, class], ...], those that can be read, as (N, 3) float64; at most MOST."""
    rows = points[:MOST] if isinstance(points, (list, tuple, np.ndarray)) else []
    kept = [row for row in rows if isinstance(row, (list, tuple, np.ndarray)) and len(row) == 3]
    try:
        array = np.asarray(kept, np.float64).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError):
        return np.zeros((0, 3))
    return array[np.isfinite(array).all(1)]


def _travelled(data: object) -> np.ndarray:
    """Points as the page sends them, int16 thousandths in base64, as (N, 3) float64."""
    try:
        whole = base64.b64decode(data, validate=True) if isinstance(data, str) and len(data) <= 8 * MOST else b""
    except (binascii.Error, ValueError):
        return np.zeros((0, 3))
    rows = np.frombuffer(whole[: len(whole) // 6 * 6], "<i2").reshape(-1, 3)[:MOST].astype(np.float64)
    return rows / [UNIT, UNIT, 1]


class Drawing(gr.HTML):
    """The sheet; a handler gets and gives {"points": [[x, y, class], ...]}.

    x and y are in [-3, 3] and rounded to 3 decimals, class is 0 or 1, and there are at most 10,000 points. Any client is
    held to that; what cannot be read is left out.
    """

    def preprocess(self, payload: object) -> dict:
        """The points of the page's answer, or of a program's in the form that a handler gives."""
        payload = payload if isinstance(payload, Mapping) else {}
        points = _numbers(payload["points"]) if "points" in payload else _travelled(payload.get("data"))
        places, classes = points[:, :2].clip(-SIDE, SIDE).round(3) + 0.0, points[:, 2].clip(0, 1)
        return {"points": [[x, y, int(c)] for (x, y), c in zip(places.tolist(), classes.tolist(), strict=True)]}

    def postprocess(self, value: object) -> dict:
        """What travels to the page: {"data": base64 of int16 (N, 3)}."""
        rows = np.asarray(self.preprocess(value)["points"], np.float64).reshape(-1, 3)
        return {"data": bytes64(np.rint(rows * [UNIT, UNIT, 1]), "<i2")}

    def api_info(self) -> dict:
        """What a program sends."""
        return {"type": "object", "description": 'points: [[x, y, class], ...], as {"points": [...]}'}

    def example_payload(self) -> dict:
        """A drawing for the page about the API."""
        return {"points": [[0.5, -1.0, 0], [1.25, 2.0, 1]]}

    def example_value(self) -> dict:
        """The same."""
        return self.example_payload()


def drawing(elem_id: str, value: dict | None = None) -> Drawing:
    """The sheet. It triggers `change` at each new value, and `input` once per stroke, undo and clear of a person."""
    return Drawing(
        value=value or {"points": []},
        html_template=asset("drawing.html"),
        js_on_load=asset("drawing.js"),
        elem_id=elem_id,
        apply_default_css=False,
        min_height=320,
    )
