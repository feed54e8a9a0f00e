"""The network from inside as a program calls it; bad input is answered in one sentence."""

import base64

import pytest
from gradio_client.exceptions import AppError

from core.models.registry import availability

pytestmark = pytest.mark.skipif(not availability("flow-class")[0], reason="flow-class is not in checkpoints/")
FAST = {
    "model": "flow-class",
    "prompt": "3",
    "other": "8",
    "shift": 30,
    "guidance": 1,
    "steps": 3,
    "seed": 7,
    "device": "cpu",
}


@pytest.mark.parametrize("endpoint", ["look_inside_network", "look_inside_network_time"])
def test_a_run_gives_pictures_and_changes_and_every_block_its_maps(client, endpoint):
    *_, last = client.submit(**FAST, api_name=f"/{endpoint}")
    assert not last["running"] and len(last["frames"]) == 4 and "seed 7" in last["caption"]
    assert len(base64.b64decode(last["frames"][0]["changes"])) == len(last["names"]) == 13
    found = client.predict(last["run"], "c1", api_name="/network_block")
    assert (found["h"], found["w"], found["channels"], found["shape"]) == (8, 16, 1, "128 × 1 × 1")
    assert len(found["frames"]) == 4


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"prompt": "a cat"}, "draws one digit"),
        ({"other": 5}, "must be text"),
        ({"shift": 101}, "The shift of t"),
        ({"steps": 61}, "The steps"),
        ({"model": "denoiser"}, "is not shown here"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(client, changed, what):
    with pytest.raises(AppError, match=what):
        client.predict(**FAST | changed, api_name="/look_inside_network")


@pytest.mark.parametrize(
    ("run", "block", "what"), [("nothing", "c1", "no finished picture"), ("example-network", "x", "no such block")]
)
def test_a_block_that_is_not_there_is_refused(client, run, block, what):
    with pytest.raises(AppError, match=what):
        client.predict(run, block, api_name="/network_block")
