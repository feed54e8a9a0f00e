"""The tabs of anagrams and hybrids as a program calls them."""

import json

import numpy as np
import pytest
from calling import raw
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import apple
from core.runs.anagrams import AnagramRequest
from core.runs.hybrids import HybridRequest

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")

COMMON = {"style": "an emoji of", "n": 2, "steps": 3, "guidance": 3, "seed": 7, "model": "pocket", "sampler": "ddim"}
ANAGRAM = COMMON | {
    "prompt_1": "a penguin",
    "prompt_2": "a rabbit face",
    "view_2": "flip",
    "prompt_3": "",
    "view_3": "",
    "prompt_4": "",
    "view_4": "",
    "reduction": "mean",
    "weights": "",
    "view_seed": 1,
    "device": "cpu",
}
HYBRID = COMMON | {
    "photo": None,
    "prompt_1": "a panda",
    "prompt_2": "a volcano",
    "prompt_3": "",
    "split": "frequencies",
    "sigma": 2,
    "own": "",
    "sigma_small": 1,
    "kernel": 33,
    "length": 7,
    "angle": 45,
    "device": "cpu",
}


def test_an_anagram_streams_in_all_its_views(client):
    values = list(client.submit(**ANAGRAM | {"steps": 12}, api_name="/make_anagrams"))
    last = values[-1]
    assert values[0]["running"] and not last["running"] and len(last["frames"]) == 13
    assert last["lanes"] == ["As it is: a penguin", "Upside down: a rabbit face"]
    assert len(last["frames"][-1]["images"]) == 2 and last["grid"]["across"] == ["seed 7", "seed 8"]
    assert "upside down “a rabbit face”" in last["caption"] and "seed 7 – 8" in last["caption"]


def test_a_photo_that_is_no_picture_gets_one_sentence(client, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(AppError, match="This file is not a picture that can be read"):
        client.predict(**HYBRID | {"photo": handle_file(str(tmp_path / "bad.png"))}, api_name="/make_hybrids")


def test_four_views_taking_turns(client):
    more = {"prompt_3": "a cat", "view_3": "jigsaw", "prompt_4": "a rose", "view_4": "negate", "reduction": "alternate"}
    value = client.predict(**ANAGRAM | more | {"n": 1}, api_name="/make_anagrams")
    assert len(value["lanes"]) == value["columns"] == 4


@pytest.mark.parametrize("name", ["blur", "white_balance"])
def test_a_lesson_runs_with_an_illegal_view(client, name):
    value = client.predict(**ANAGRAM, api_name=f"/anagrams_through_{name}")
    assert "a view that is not legal" in value["caption"]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"prompt_2": ""}, "Prompt 2 is missing"),
        ({"prompt_1": None}, "Prompt 1 is missing"),
        ({"view_3": "mirror"}, "Prompt 3 is missing: what should the view “Mirror” show"),
        ({"prompt_4": "a cat"}, "Prompt 4 has no view"),
        ({"view_2": "sideways"}, "The view must be one of identity, flip"),
        ({"view_2": ["flip"] * 5}, "The view must be one of"),
        ({"prompt_1": {"a": 1}}, "Prompt 1 must be text"),
        ({"weights": "1, 1, 1, 1, 1"}, "Give 2 weights"),
        ({"reduction": 3}, "reduction must be one of"),
        ({"n": 9}, "number of pictures must be a whole number from 1 to 8"),
        ({"steps": "many"}, "number of steps"),
        ({"seed": True}, "seed must be a whole number"),
        ({"view_seed": 0.5}, "seed of the views must be a whole number"),
        ({"model": "flow-class"}, "does not draw from a prompt"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_bad_anagrams_get_one_sentence(client, bad, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(**ANAGRAM | bad, api_name="/make_anagrams")
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize("split", ["frequencies", "three", "colour", "motion"])
def test_hybrids_of_every_split(client, split):
    value = client.predict(**HYBRID | {"split": split, "prompt_3": "a rose", "n": 1}, api_name="/make_hybrids")
    assert len(value["frames"]) == 4 and len(value["lanes"]) == 2 + (split == "three")


def test_a_hybrid_with_a_photo(client, tmp_path):
    apple().save(tmp_path / "apple.png")
    more = {"photo": handle_file(str(tmp_path / "apple.png")), "own": "low", "prompt_1": ""}
    value = client.predict(**HYBRID | more, api_name="/make_hybrids")
    assert "low your photo" in value["caption"]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"prompt_1": " "}, "what should be seen from afar"),
        ({"split": "three"}, "what should be seen from near"),
        ({"split": "halves"}, "split must be one of"),
        ({"sigma": 0}, "Sigma must be a number from 0.3 to 16"),
        ({"sigma": 1000}, "Sigma must be a number from 0.3 to 16"),
        ({"kernel": 8}, "odd number of pixels"),
        ({"angle": "up"}, "angle must be a number from 0 to 180"),
        ({"own": "low"}, "There is no photo yet"),
        ({"own": "grey"}, "must be one of low, high"),
        ({"guidance": None}, "guidance must be a number"),
    ],
)
def test_bad_hybrids_get_one_sentence(client, bad, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(**HYBRID | bad, api_name="/make_hybrids")
    assert "Traceback" not in str(error.value)


def test_sigma_that_is_not_a_number(server):
    order = ["photo", "style", "prompt_1", "prompt_2", "prompt_3", "split", "sigma", "n", "steps", "guidance", "seed"]
    order += ["own", "model", "sampler", "sigma_small", "kernel", "length", "angle", "device"]
    values = [HYBRID[k] if k != "sigma" else float("nan") for k in order]
    assert "Sigma must be a number from 0.3 to 16." in raw(server, "make_hybrids", json.dumps({"data": values}))


def test_views_are_checked_against_noise(client):
    assert "Legal: still noise" in client.predict("jigsaw", 5, api_name="/check_view")
    assert "neighbouring pixels are alike" in client.predict("blur", 5, api_name="/check_view")
    assert "the variance of a channel" in client.predict("white_balance", 5, api_name="/check_view")
    assert "The view must be one of" in client.predict("sideways", 5, api_name="/check_view")


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("restore_anagrams", AnagramRequest.checked(weights="1, 0.5", n=3, seed=9)),
        ("restore_hybrids", HybridRequest.checked(split="motion", length=9, seed=9)),
    ],
)
def test_a_saved_picture_restores_its_tab(client, tmp_path, name, request_):
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), request_.settings()))
    back = client.predict(handle_file(str(tmp_path / "saved.png")), api_name=f"/{name}")
    values = list(request_.parameters().values())
    assert [v["value"] if isinstance(v, dict) else v for v in back] == values
    apple().save(tmp_path / "plain.png")
    with pytest.raises(AppError, match="holds no settings of this tab"):
        client.predict(handle_file(str(tmp_path / "plain.png")), api_name=f"/{name}")
