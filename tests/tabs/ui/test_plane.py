"""What travels to the plane and the drawing sheet: numbers come back within half a step, and nonsense does no harm."""

import base64

import gradio as gr
import numpy as np
import pytest

from core.runs.panels import Panel
from tabs.ui.drawing import MOST, drawing
from tabs.ui.plane import as_int16, chart, levels, panel, plane, probed


def unpacked(pack: dict) -> np.ndarray:
    """The numbers as the page reads them."""
    whole = np.frombuffer(base64.b64decode(pack["data"]), "<i2")
    return whole.reshape(pack["shape"]) * pack["scale"]


@pytest.mark.parametrize("size", [1e-6, 1.0, 3e4])
def test_packed_numbers_come_back_within_half_a_step(size):
    array = size * np.random.default_rng(1).normal(size=(5, 40, 2))
    pack = as_int16(array)
    assert pack["shape"] == [5, 40, 2]
    assert np.abs(unpacked(pack) - array).max() <= pack["scale"] / 2 * (1 + 1e-9)
    assert np.abs(unpacked(pack)).max() == pytest.approx(np.abs(array).max())


def test_packed_zeros_nothing_and_float32():
    assert not unpacked(as_int16(np.zeros((1, 3, 2)))).any()
    assert as_int16(np.zeros((1, 0, 2)))["shape"] == [1, 0, 2]
    assert unpacked(as_int16(np.float32([[[1, -1]]]))).tolist() == [[[1, -1]]]


def test_what_is_not_finite_becomes_the_largest_or_zero():
    assert unpacked(as_int16([np.nan, np.inf, -np.inf, 2.0])).tolist() == [0, 2, -2, 2]
    assert np.isfinite(unpacked(as_int16([np.nan, np.inf]))).all()
    assert unpacked(as_int16([1e-320, -1e308])).tolist() == pytest.approx([0, -1e308])


def test_levels_are_bytes_within_0_and_1():
    pack = levels(np.array([[0, 0.5, 1], [-2, 7, np.nan]]))
    assert [*base64.b64decode(pack["data"])] == [0, 128, 255, 0, 255, 0] and pack["shape"] == [2, 3]


def test_a_panel_has_frames_everywhere_or_nothing():
    places, sheet = np.zeros((4, 6, 2)), np.ones((8, 8))
    whole = Panel("exact", "", places, np.arange(6), truth=places[0], places=places[0], arrows=places, density=sheet)
    made = panel(whole)
    assert made["points"]["at"]["shape"] == [4, 6, 2] and made["truth"]["shape"] == [1, 6, 2]
    assert made["arrows"]["from"]["shape"] == [1, 6, 2] and made["arrows"]["to"]["shape"] == [4, 6, 2]
    assert made["density"]["shape"] == [1, 8, 8]
    assert [*base64.b64decode(made["points"]["classes"])] == [*range(6)]
    bare = panel(Panel("nothing"))
    assert all(bare[key] is None for key in ("points", "truth", "arrows", "density"))
    assert chart("loss", "step", "loss", [], log=(True, False))["log"] == [True, False]
    assert plane("somewhere", {"panels": [made]}).value["panels"] == [made]


@pytest.mark.parametrize(
    "data, place",
    [
        ({"probe": [1, -2.5]}, (1.0, -2.5)),
        ({"probe": [1e300, 0]}, (1e6, 0.0)),
        ({"probe": [float("nan"), 0]}, None),
        ({"probe": ["1", 0]}, None),
        ({"probe": [True, 0]}, None),
        ({"probe": [1]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_probe_is_a_place_or_nothing(data, place):
    assert probed(gr.EventData(None, data)) == place


def test_a_drawing_comes_back_as_it_was_set():
    sheet, points = drawing("sheet"), [[0.123, -3.0, 0], [2.999, 3.0, 1], [-0.001, 0.0, 1]]
    assert sheet.preprocess(sheet.postprocess({"points": points})) == {"points": points}
    assert sheet.preprocess(sheet.value) == {"points": []}


def test_a_drawing_is_held_to_its_sheet_and_its_most():
    sheet = drawing("sheet")
    whole = np.array([[9000, -9000, 7], [123, 0, -1]], "<i2").tobytes()
    page = {"data": base64.b64encode(whole).decode()}
    assert sheet.preprocess(page) == {"points": [[3.0, -3.0, 1], [0.123, 0.0, 0]]}
    many = {"data": base64.b64encode(bytes(6 * MOST)).decode()}
    assert len(sheet.preprocess(many)["points"]) == MOST


@pytest.mark.parametrize("data", ["%", 5, "AAAA", None, [], "A" * 10**6])
def test_what_no_page_draws_is_no_drawing(data):
    assert drawing("sheet").preprocess({"data": data}) == {"points": []}


@pytest.mark.parametrize("payload", [None, 3, {"points": [["a", 0, 0]]}, [[1e9, 2, 0]]])
def test_what_a_program_sends_is_passed_on_to_be_checked(payload):
    assert drawing("sheet").preprocess(payload) == payload
