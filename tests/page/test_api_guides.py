"""Other guides as a program calls them; bad input is answered in one sentence."""

import pytest
from gradio_client.exceptions import AppError

from core.models.registry import availability

GUIDE = {"digits": "37", "scale": 4, "guidance": 2, "guide": "classifier-noisy", "path": "ddpm", "steps": 5, "seed": 7, "device": "cpu"}  # fmt: skip
CUT = {"prompt": "an emoji of a red apple", "scales": "1, 20", "ratio": 0.95, "top": 10, "seed": 7, "model": "pocket",
       "sampler": "ddim", "steps": 3, "device": "cpu"}  # fmt: skip
needs_guide = pytest.mark.skipif(
    not availability("classifier-noisy")[0], reason="classifier-noisy is not in checkpoints/"
)
needs_pocket = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


@needs_guide
@pytest.mark.parametrize(
    ("endpoint", "rows", "columns"), [("guide_digits", 4, 2), ("guide_by_scale", 3, 7), ("guide_by_weaker", 5, 2)]
)
def test_each_run_streams_rows_and_readings(client, endpoint, rows, columns):
    first, *_, last = client.submit(**GUIDE, api_name=f"/{endpoint}")
    assert first["running"] and not last["running"] and len(last["frames"]) == 6
    assert last["grid"]["count"] == rows * columns == len(last["under"]) and len(last["grid"]["down"]) == rows


@needs_pocket
def test_thresholds_stream_rows_of_pictures(client):
    *_, last = client.submit(**CUT, api_name="/compare_thresholds")
    assert last["grid"]["across"] == ["w = 1", "w = 20"] and len(last["under"]) == 6 and len(last["frames"]) == 4


@pytest.mark.parametrize(
    ("endpoint", "changed", "what"),
    [
        pytest.param("guide_digits", {"scale": 99}, "The classifier scale must be", marks=needs_guide),
        pytest.param("guide_digits", {"guidance": 0}, "The guidance must be", marks=needs_guide),
        pytest.param("guide_digits", {"digits": "ten"}, "Type digits from 0 to 9", marks=needs_guide),
        pytest.param("guide_by_scale", {"digits": "01234567890"}, "at most 10 digits", marks=needs_guide),
        pytest.param("compare_thresholds", {"scales": "1, 2, x"}, "guidance scale", marks=needs_pocket),
        pytest.param("compare_thresholds", {"ratio": 0.1}, "The quantile", marks=needs_pocket),
        pytest.param("compare_thresholds", {"model": "ddpm-time"}, "does not draw from a prompt", marks=needs_pocket),
    ],
)
def test_bad_input_is_answered_in_one_sentence(client, endpoint, changed, what):
    with pytest.raises(AppError, match=what):
        client.predict(**(GUIDE if "guide" in endpoint else CUT) | changed, api_name=f"/{endpoint}")
