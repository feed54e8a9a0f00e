"""A sheet on which a person draws data points of two classes with mouse, pen or finger."""

import base64
import binascii
from collections.abc import Mapping

import gradio as gr
import numpy as np

from tabs.ui.plane import bytes64
from tabs.ui.theme import asset, script

MOST = 10_000
"""The most points of a drawing."""
SIDE = 3.0
"""Half the width of the sheet, in data units."""
UNIT = 1000
"""Places travel as whole thousandths."""


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

    What a page draws has x and y in [-3, 3], rounded to 3 decimals, class 0 or 1, and at most 10,000 points. What a program
    sends instead is passed on unchecked, as by `tabs.ui.inputs`: `core` says what is wrong with it.
    """

    def preprocess(self, payload: object) -> object:
        """The points of the page's answer, or what a program sent."""
        if not (isinstance(payload, Mapping) and "data" in payload):
            return payload
        points = _travelled(payload["data"])
        places, classes = points[:, :2].clip(-SIDE, SIDE).round(3) + 0.0, points[:, 2].clip(0, 1)
        return {"points": [[x, y, int(c)] for (x, y), c in zip(places.tolist(), classes.tolist(), strict=True)]}

    def postprocess(self, value: dict | None) -> dict | None:
        """The value for the page: {"data": base64 of int16 (N, 3)}. None, in an update of other properties, stays
        None."""
        if value is None:
            return None
        rows = np.asarray(value["points"], np.float64).reshape(-1, 3)[:MOST]
        places = rows[:, :2].clip(-SIDE, SIDE)
        return {"data": bytes64(np.rint(np.c_[places, rows[:, 2:]] * [UNIT, UNIT, 1]), "<i2")}

    def api_info(self) -> dict:
        """The schema of a program's value, for the API."""
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
        js_on_load=script("drawing"),
        elem_id=elem_id,
        apply_default_css=False,
        min_height=320,
    )
