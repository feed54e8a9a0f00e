"""Requests for anagrams and hybrids: bad values get one sentence, settings travel, runs do what they say."""

import io
import math

import numpy as np
import pytest
import torch
from toys import tiny_pocket

from core.diffusion.guidance import bounded
from core.diffusion.noise import generators, randn
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs import anagrams, hybrids
from core.runs.anagrams import AnagramRequest
from core.runs.hybrids import SPLITS, HybridRequest
from core.techniques.illusions import anagram, hybrid, inverse_constraint
from core.techniques.splits import colours, frequencies, motion, response
from core.techniques.views.catalogue import VIEWS, through, view_of, views_of
from tabs.ui.two_readings import sampler_input

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
NAN = float("nan")


def result(steps):
    """The last Step of a run."""
    *_, last = steps
    return last


@pytest.fixture
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    for module in (anagrams, hybrids):
        monkeypatch.setattr(module, "load", lambda name, device: pocket)
    return pocket


def styled(*prompts: str) -> list[tuple[str, ...]]:
    """What one picture is asked."""
    return [tuple(f"an emoji of {prompt}" for prompt in prompts)]


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


WEIGHTED, TURNS = {"weights": (1.0, 3.0)}, {"reduction": "alternate"}


@pytest.mark.parametrize("how", [{}, WEIGHTED, TURNS, TURNS | WEIGHTED], ids=["mean", "weighted", "alternate", "both"])
def test_an_anagram_shows_each_prompt_in_its_own_view(pocket, how):
    r = AnagramRequest(
        prompts=("rose", "tower"), views=("identity", "jigsaw"), view_seed=5, n=1, steps=3, guidance=2.0, **how
    )
    timesteps = pocket.schedule.timesteps(3)
    made_of = TURNS | {"timesteps": timesteps} if "reduction" in how else how
    joined = bounded(anagram(pocket, views_of(r.views, 5), 2.0, **made_of))
    x = randn((1, 3, 64, 64), generators(180, 1))
    expected = result(ddim(joined, x, visits_together(timesteps, 1), joined.encode(styled("rose", "tower"))))
    torch.testing.assert_close(result(r.run("cpu")).x_t, expected.x_t)


def test_a_jigsaw_is_shown_as_it_was_shuffled():
    pixels = np.asarray(mountains().resize((64, 64)))
    shown = AnagramRequest(views=("identity", "jigsaw"), view_seed=5).seen(pixels)
    assert np.array_equal(shown[1], view_of("jigsaw", 5).tween(pixels, 2)[-1])
    assert not np.array_equal(shown[1], view_of("jigsaw").tween(pixels, 2)[-1])


BLURS = {"sigma": 3.0, "sigma_small": 1.5, "kernel": 9, "length": 5, "angle": 30.0}
PARTS = {
    "frequencies": frequencies((3.0,), 9),
    "three": frequencies((3.0, 1.5), 9),
    "colour": colours(),
    "motion": motion(5, 30.0),
}


@pytest.mark.parametrize("split", SPLITS)
def test_each_component_of_a_hybrid_comes_from_its_own_prompt(pocket, split):
    prompts = ("rose", "tower", "penguin")[: len(PARTS[split])]
    r = HybridRequest(prompts=prompts, split=split, n=1, steps=3, guidance=2.0, **BLURS)
    joined = bounded(hybrid(pocket, PARTS[split], 2.0))
    x = randn((1, 3, 64, 64), generators(180, 1))
    expected = result(
        ddim(joined, x, visits_together(pocket.schedule.timesteps(3), 1), joined.encode(styled(*prompts)))
    )
    torch.testing.assert_close(result(r.run("cpu")).x_t, expected.x_t)


@pytest.mark.parametrize("sampler", ETAS)
@pytest.mark.parametrize(
    ("split", "own", "others"),
    [
        ("frequencies", "low", {"high": "tower"}),
        ("frequencies", "high", {"low": "rose"}),
        ("three", "low", {"middle": "tower", "high": "penguin"}),
        ("three", "middle", {"low": "rose", "high": "penguin"}),
        ("three", "high", {"low": "rose", "middle": "tower"}),
    ],
)
def test_beside_the_photo_every_prompt_keeps_its_component(pocket, split, own, others, sampler):
    """The last of them also answers for what the photo replaces."""
    prompts = ("rose", "tower", "penguin")[: len(PARTS[split])]
    photo = images.to_tensor(images.square(mountains(), 64), -1, 1)
    r = HybridRequest(prompts=prompts, split=split, own=own, n=1, steps=3, guidance=2.0, sampler=sampler, **BLURS)
    first, parts = next(iter(others)), PARTS[split]
    asked = {first: lambda x: x}
    if split == "three":
        asked = {first: parts[first], "rest": lambda x: x - parts[first](x)}
    joined, source = bounded(hybrid(pocket, asked, 2.0)), generators(180, 1)
    x = randn((1, 3, 64, 64), source)
    keep = inverse_constraint(pocket.schedule, parts[own], photo, source)
    visits = visits_together(pocket.schedule.timesteps(3), 1)
    eta = {"ddim": 0.0, "ddpm": 1.0}[sampler]
    expected = result(ddim(joined, x, visits, joined.encode(styled(*others.values())), source, eta, keep))
    torch.testing.assert_close(result(r.run("cpu", photo)).x_t, expected.x_t)


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
    assert (low(made) - low(photo)).abs().mean() < 0.08, "0.8 without it; not 0, for the last estimate was clipped"
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


@pytest.mark.parametrize("split", ["frequencies", "three"])
def test_a_picture_of_frequencies_recedes_until_it_is_an_eighth_as_large(split):
    frames = HybridRequest(split=split).receding(np.zeros((64, 64, 3), np.uint8), 4)
    assert [(frame < 128).all(-1).sum() for frame in frames] == [side**2 for side in (256, 128, 64, 32)]
    assert (frames[-1][112:144, 112:144] == 0).all()


@pytest.mark.parametrize("split", ["colour", "motion"])
def test_other_pictures_turn_into_their_last_reading(split):
    r, pixels = HybridRequest(split=split), np.asarray(mountains().resize((64, 64)))
    ends = r.receding(pixels, 4)[::3]
    for frame, reading in zip(ends, (pixels, r.seen([pixels])[-1][0]), strict=True):
        assert np.array_equal(frame, images.enlarge(reading, 4))


def test_the_curves_are_the_gains_of_the_components():
    r = HybridRequest(prompts=("a",) * 3, split="three", sigma=6.0, sigma_small=2.0, kernel=15)
    (at, wide), (_, narrow) = response(6.0, 15), response(2.0, 15)
    gains = {name: [gain for _, gain in curve] for name, curve in r.responses().items()}
    assert list(gains) == ["low", "middle", "high"]
    assert all([x for x, _ in curve] == at for curve in r.responses().values())
    assert gains["low"] == pytest.approx(wide) and gains["high"] == pytest.approx([1 - g for g in narrow])
    assert gains["middle"] == pytest.approx([b - a for a, b in zip(wide, narrow, strict=True)])
    assert max(gains["middle"]) > 0.3
    two = HybridRequest(sigma=6.0, kernel=15).responses()
    assert two["low"] == r.responses()["low"] and [g for _, g in two["high"]] == pytest.approx([1 - g for g in wide])
    assert HybridRequest(split="colour").responses() == HybridRequest(split="motion").responses() == {}


@pytest.mark.parametrize("name", VIEWS)
def test_noise_through_a_view_and_back(name):
    noise, seen, back = through(view_of(name))
    assert noise.shape == seen.shape == back.shape == (64, 64, 3)
    assert np.array_equal(noise, back) or not VIEWS[name].legal
