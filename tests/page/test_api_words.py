"""Words in the picture as a program calls it; bad input is answered in one sentence."""

import pytest
from gradio_client.exceptions import AppError

from core.models.registry import availability

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
FAST = {
    "prompt": "an emoji of a red apple",
    "n": 1,
    "weights": "red 2",
    "other": "an emoji of a green apple",
    "keep": 50,
    "guidance": 3,
    "seed": 7,
    "model": "pocket",
    "sampler": "ddim",
    "steps": 3,
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("endpoint", "count"), [("watch_words", 1), ("weigh_words", 4), ("weigh_words_ladder", 6), ("swap_words", 4)]
)
def test_each_run_streams_pictures_and_maps(client, endpoint, count):
    first, *_, last = client.submit(**FAST, api_name=f"/{endpoint}")
    assert first["running"] and first["frames"][0]["maps"]["layers"][0]["name"] == ""
    assert not last["running"] and len(last["frames"]) == 4 and len(last["pictures"]) == len(last["words"]) == count
    assert len(last["frames"][-1]["maps"]["layers"]) == 9 and "seed 7" in last["caption"]


@pytest.mark.parametrize(
    ("endpoint", "changed", "what"),
    [
        ("watch_words", {"n": 9}, "The number of pictures"),
        ("weigh_words", {"weights": "red much"}, "is no factor on a word"),
        ("weigh_words_ladder", {"weights": "red 7"}, "The factor on “red”"),
        ("watch_words", {"guidance": 0}, "The guidance"),
        ("watch_words", {"model": "ddpm-class"}, "does not draw from a prompt"),
        ("weigh_words", {"weights": "pear 2"}, "does not have the word “pear”"),
        ("weigh_words", {"weights": ""}, "Weigh at least one word"),
        ("weigh_words_ladder", {"prompt": ""}, "does not have the word “red”"),
        ("swap_words", {"keep": 101}, "The share of the steps"),
        ("swap_words", {"other": 5}, "must be text"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(client, endpoint, changed, what):
    with pytest.raises(AppError, match=what):
        client.predict(**FAST | changed, api_name=f"/{endpoint}")
