"""Requests for anagrams and hybrids: bad values get one sentence, settings travel, runs do what they say."""

import io
import math

import numpy as np
import pytest
import torch

from core import images
from core.anagrams import AnagramRequest
from core.generate import TEXT_SAMPLERS
from core.hybrids import SPLITS, HybridRequest
from core.registry import availability
from core.scenes import mountains
from core.views import VIEWS, through, view_of
from tabs._doubles import sampler_input

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
NAN = float("nan")


def result(steps):
    """The last Step of a run."""
    *_, last = steps
    return last


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"prompts": ["a penguin", " "]}, "Prompt 2 is missing: what should the view “Upside down” show"),
        ({"prompts": ["a", "b", "c"]}, "Prompt 3 has no view"),
        ({"prompts": ["a", "b", "", "d"], "views": ["identity", "flip", "mirror", ""]}, "Prompt 3 is missing"),
        ({"prompts": ["a"], "views": ["identity"]}, "needs 2 to 4 prompts"),
        ({"prompts": ["a"] * 5, "views": ["flip"] * 5}, "at most 4 prompts, not 5"),
        ({"views": ["flip"] * 5}, "at most 4 views, not 5"),
        ({"views": ["identity", "sideways"]}, "The view must be one of identity, flip"),
        ({"views": ["identity", ["flip"]]}, "The view must be one of"),
        ({"views": "flip"}, "views must be a list"),
        ({"prompts": [1, 2]}, "Prompt 1 must be text"),
        ({"weights": "1, 2, 3"}, "Give 2 weights"),
        ({"weights": [0, 0]}, "not all of them 0"),
        ({"weights": "1, nan"}, "Every weight must be a number from 0 to 10"),
        ({"weights": {}}, "Every weight"),
        ({"reduction": "median"}, "reduction must be one of mean, alternate"),
        ({"view_seed": -1}, "seed of the views"),
        ({"style": 3}, "style must be text"),
        ({"guidance": NAN}, "guidance must be a number"),
        ({"n": 9}, "number of pictures"),
        ({"steps": 0}, "number of steps"),
        ({"sampler": []}, "sampler must be one of"),
        ({"seed": 2**31}, "seed must be a whole number"),
    ],
)
def test_bad_anagrams(bad, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        AnagramRequest.checked(**bad)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"sigma": 0}, "Sigma must be a number from 0.3 to 16"),
        ({"sigma": 1000}, "Sigma must be a number"),
        ({"sigma": NAN}, "Sigma must be a number"),
        ({"sigma": math.inf}, "Sigma must be a number"),
        ({"sigma": "wide"}, "Sigma must be a number"),
        ({"kernel": 4}, "odd number of pixels"),
        ({"kernel": 1001}, "kernel must be a whole number"),
        ({"split": "thirds"}, "split must be one of"),
        ({"split": {}}, "split must be one of"),
        ({"split": "three"}, "what should be seen from near"),
        ({"split": "three", "prompts": ["a", "b", "c"], "sigma": 1.0}, "smaller sigma must be below"),
        ({"split": "motion", "length": 0}, "length of the path"),
        ({"split": "motion", "angle": NAN}, "angle must be a number"),
        ({"prompts": ["", "a"]}, "what should be seen from afar"),
        ({"prompts": ["a"] * 5}, "at most 3 prompts"),
        ({"own": "colour"}, "must be one of low, high, or nothing"),
        ({"own": ["low"]}, "must be one of low, high"),
    ],
)
def test_bad_hybrids(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        HybridRequest.checked(**bad)


def test_a_photo_is_needed_only_where_it_is_used():
    with pytest.raises(ValueError, match="There is no photo yet"):
        HybridRequest.checked(own="low", prompts=["", "a"]).run("cpu")


@pytest.mark.parametrize(
    "request_",
    [
        AnagramRequest.checked(prompts=["a", "b", "c"], views=["identity", "flip", "jigsaw"], weights="1, 2, 0.5"),
        HybridRequest.checked(prompts=["a", "", "c"], split="three", own="middle"),
    ],
)
def test_settings_are_a_request_again(request_):
    saved = images.png(np.zeros((4, 4, 3), np.uint8), request_.settings())
    settings = images.settings_of(io.BytesIO(saved))
    names = request_.__dataclass_fields__
    assert type(request_).checked(**{k: v for k, v in settings.items() if k in names}) == request_


def test_equal_prompts_and_no_view_are_plain_sampling():
    common = {"n": 1, "steps": 4, "seed": 5}
    plain = AnagramRequest.checked(prompts=["a rose"] * 2, views=["identity"] * 2, **common)
    mixed = HybridRequest.checked(prompts=["a rose"] * 2, **common)
    turns = AnagramRequest.checked(prompts=["a rose"] * 2, views=["identity"] * 2, reduction="alternate", **common)
    one, two, three = (result(r.run("cpu")).x_0 for r in (plain, mixed, turns))
    assert (one - two).abs().max() < 1e-4 and (one - three).abs().max() < 1e-4


def test_the_line_under_the_samplers_speaks_of_each():
    info = sampler_input(AnagramRequest()).info
    assert all(s.title.split(",")[0] in info for s in TEXT_SAMPLERS.values())


def test_each_picture_has_its_own_seed():
    few = result(AnagramRequest.checked(n=2, steps=2, seed=5).run("cpu")).x_0
    alone = result(AnagramRequest.checked(n=1, steps=2, seed=6).run("cpu")).x_0
    assert (few[1:] - alone).abs().max() < 1e-4


def test_turning_ends_in_the_view():
    r = AnagramRequest.checked(prompts=["a", "b", "c"], views=["identity", "rotate_90", "inner_circle"])
    pixels = np.asarray(mountains().resize((64, 64)))
    for move, seen in zip(r.turning(pixels, 5), r.seen(pixels)[1:], strict=True):
        assert len(move) == 5 and move[0].shape == (256, 256, 3)
        assert (move[0] == images.enlarge(pixels, 4)).all() and (move[-1] == images.enlarge(seen, 4)).all()
    assert (r.seen(pixels)[1] == np.rot90(pixels, -1)).all()


def test_the_part_of_the_photo_is_kept():
    photo = images.to_tensor(images.square(mountains(), 64), -1, 1)
    r = HybridRequest.checked(own="low", prompts=["", "a rose"], n=1, steps=4)
    low = r.components()["low"]
    made = result(r.run("cpu", photo)).x_0
    assert (low(made) - low(photo)).abs().mean() < 0.03
    assert r.cost() == (4, 2)


@pytest.mark.parametrize("split", SPLITS)
def test_parts_and_receding(split):
    r = HybridRequest.checked(prompts=["a", "b", "c"], split=split)
    pixels = np.asarray(mountains().resize((64, 64)))
    assert torch.allclose(sum(f(torch.ones(1, 3, 8, 8)) for f in r.components().values()), torch.ones(1, 3, 8, 8))
    near, *others = r.seen([pixels])
    assert (near[0] == pixels).all() and len(others) == len(r.parts) - 1 and others[-1].shape == (1, 64, 64, 3)
    detail = [np.abs(np.diff(p[0].astype(float), axis=1)).sum() for p in (near, *others)]
    assert split == "colour" or detail == sorted(detail, reverse=True)
    frames = r.receding(pixels, 4)
    assert len(frames) == 4 and frames[-1].shape == (256, 256, 3)
    sums = [sum(g for _, g in points) for points in zip(*r.responses().values(), strict=True)]
    assert sums == pytest.approx([1.0] * len(sums))


@pytest.mark.parametrize("name", VIEWS)
def test_noise_through_a_view_and_back(name):
    noise, seen, back = through(view_of(name))
    assert noise.shape == seen.shape == back.shape == (64, 64, 3)
    assert np.array_equal(noise, back) or not VIEWS[name].legal
