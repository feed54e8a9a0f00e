"""Anagrams and hybrids: bad values get one sentence, settings travel, runs do what they say."""

import io
import json
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
from core.runs.anagrams import OFFERED, AnagramRequest, Anagrams
from core.runs.enlarging import larger
from core.runs.frame import Frame
from core.runs.hybrids import PHOTO, SPLITS, HybridRequest, Hybrids
from core.techniques.illusions import anagram, hybrid, inverse_constraint
from core.techniques.splits import colours, frequencies, motion, response
from core.techniques.views.catalogue import VIEWS, through, view_of, views_of

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


def plan(request: AnagramRequest | HybridRequest, **inputs: np.ndarray) -> Anagrams | Hybrids:
    """The plan of a request, and the pictures that it starts from."""
    kind = Anagrams if isinstance(request, AnagramRequest) else Hybrids
    return kind(request=request, inputs=inputs)


def photo() -> np.ndarray:
    """(64, 64, 3) uint8."""
    return np.asarray(images.square(mountains(), 64))


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
        plan(HybridRequest.checked(own="low", prompts=["", "a"])).run("cpu")


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
    assert type(request_).restored(settings) == request_ == type(request_).recalled(settings)


SAVED = {
    "anagram": """{"app": "fun-with-diffusion-models", "kind": "anagram", "prompts": ["a trophy", "a bell", "a rose"],
        "style": "an emoji of", "n": 1, "model": "pocket", "sampler": "ddpm", "steps": 9, "guidance": 4.5, "seed": 7,
        "views": ["identity", "flip", "jigsaw"], "weights": [1.0, 0.5, 2.0], "reduction": "mean", "view_seed": 5,
        "picture": 0}""",
    "hybrid": """{"app": "fun-with-diffusion-models", "kind": "hybrid", "prompts": ["", "a rose"], "style": "",
        "n": 2, "model": "pocket", "sampler": "ddim", "steps": 3, "guidance": 3.0, "seed": 180,
        "split": "frequencies", "sigma": 4.0, "sigma_small": 1.0, "kernel": 33, "length": 7, "angle": 45.0,
        "own": "low", "picture": 1}""",
}
"""What pictures carry that were saved before requests declared their fields."""


def test_a_picture_that_was_saved_long_ago_gives_its_request_back():
    assert AnagramRequest.restored(json.loads(SAVED["anagram"])) == AnagramRequest(
        prompts=("a trophy", "a bell", "a rose"), views=("identity", "flip", "jigsaw"), weights=(1.0, 0.5, 2.0),
        n=1, sampler="ddpm", steps=9, guidance=4.5, seed=7, view_seed=5,
    )  # fmt: skip
    assert HybridRequest.restored(json.loads(SAVED["hybrid"])) == HybridRequest(
        prompts=("", "a rose"), style="", n=2, steps=3, own="low"
    )


@pytest.mark.parametrize(
    ("request_", "values"),
    [
        (
            AnagramRequest(),
            [
                "an emoji of",
                "a balloon",
                "a teapot",
                "flip",
                "",
                "",
                "",
                "",
                4,
                30,
                3.0,
                180,
                "pocket",
                "ddim",
                "mean",
                "",
                1,
            ],
        ),
        (
            AnagramRequest(
                prompts=("a", "b", "c"), views=("identity", "flip", "skew"), weights=(1.0, 0.5, 2.0), style=""
            ),
            ["", "a", "b", "flip", "c", "skew", "", "", 4, 30, 3.0, 180, "pocket", "ddim", "mean", "1, 0.5, 2", 1],
        ),
        (
            HybridRequest(prompts=("", "b"), own="low", seed=7),
            ["an emoji of", "", "b", "", "frequencies", 4.0, 4, 30, 3.0, 7, "low", "pocket", "ddim", 1.0, 33, 7, 45.0],
        ),
    ],
)
def test_parameters_come_in_the_api_s_order_and_are_the_request_again(request_, values):
    """Prompts and views have one each; the first view has none."""
    assert list(request_.parameters().values()) == values
    assert type(request_).of_parameters(**request_.parameters()) == request_


def test_a_row_past_the_second_may_be_empty():
    rows = {"prompt_1": "a", "prompt_2": "b", "view_2": "skew", "prompt_4": "d", "view_4": "negate"}
    r = AnagramRequest.of_parameters(**rows, prompt_3=" ", view_3=None)
    assert (r.prompts, r.views) == (("a", "b", "d"), ("identity", "skew", "negate"))


def test_the_views_are_offered_flip_first_and_those_that_are_not_legal_last():
    kind = AnagramRequest.kinds()["views"]
    assert next(iter(OFFERED)) == "flip" and OFFERED.keys() == VIEWS.keys()
    assert [title for title in OFFERED.values() if "(not legal)" in title] == list(OFFERED.values())[-2:]
    assert kind.part("view_2").options == OFFERED and list(kind.part("view_4").options) == ["", *OFFERED]
    assert (kind.part("view_2").label, AnagramRequest.kinds()["prompts"].part("prompt_3").label) == (
        "View 2",
        "Prompt 3",
    )


@pytest.mark.slow
def test_equal_prompts_and_no_view_are_plain_sampling():
    common = {"n": 1, "steps": 4, "seed": 5}
    plain = AnagramRequest.checked(prompts=["a rose"] * 2, views=["identity"] * 2, **common)
    mixed = HybridRequest.checked(prompts=["a rose"] * 2, **common)
    turns = AnagramRequest.checked(prompts=["a rose"] * 2, views=["identity"] * 2, reduction="alternate", **common)
    one, two, three = (result(plan(r).run("cpu")).x_0 for r in (plain, mixed, turns))
    assert (one - two).abs().max() < 1e-4 and (one - three).abs().max() < 1e-4


WEIGHTED, TURNS = {"weights": (1.0, 3.0)}, {"reduction": "alternate"}


@pytest.mark.slow
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
    torch.testing.assert_close(result(plan(r).run("cpu")).x_t, expected.x_t)


def test_a_jigsaw_is_shown_as_it_was_shuffled():
    pixels = np.asarray(mountains().resize((64, 64)))
    shown = plan(AnagramRequest(views=("identity", "jigsaw"), view_seed=5)).seen(pixels)
    assert np.array_equal(shown[1], view_of("jigsaw", 5).tween(pixels, 2)[-1])
    assert not np.array_equal(shown[1], view_of("jigsaw").tween(pixels, 2)[-1])


BLURS = {"sigma": 3.0, "sigma_small": 1.5, "kernel": 9, "length": 5, "angle": 30.0}
PARTS = {
    "frequencies": frequencies((3.0,), 9),
    "three": frequencies((3.0, 1.5), 9),
    "colour": colours(),
    "motion": motion(5, 30.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_each_component_of_a_hybrid_comes_from_its_own_prompt(pocket, split):
    prompts = ("rose", "tower", "penguin")[: len(PARTS[split])]
    r = HybridRequest(prompts=prompts, split=split, n=1, steps=3, guidance=2.0, **BLURS)
    joined = bounded(hybrid(pocket, PARTS[split], 2.0))
    x = randn((1, 3, 64, 64), generators(180, 1))
    expected = result(
        ddim(joined, x, visits_together(pocket.schedule.timesteps(3), 1), joined.encode(styled(*prompts)))
    )
    torch.testing.assert_close(result(plan(r).run("cpu")).x_t, expected.x_t)


@pytest.mark.slow
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
    r = HybridRequest(prompts=prompts, split=split, own=own, n=1, steps=3, guidance=2.0, sampler=sampler, **BLURS)
    first, parts = next(iter(others)), PARTS[split]
    asked = {first: lambda x: x}
    if split == "three":
        asked = {first: parts[first], "rest": lambda x: x - parts[first](x)}
    joined, source = bounded(hybrid(pocket, asked, 2.0)), generators(180, 1)
    x = randn((1, 3, 64, 64), source)
    given = images.to_tensor(images.square(mountains(), 64), -1, 1)
    keep = inverse_constraint(pocket.schedule, parts[own], given, source)
    visits = visits_together(pocket.schedule.timesteps(3), 1)
    eta = {"ddim": 0.0, "ddpm": 1.0}[sampler]
    expected = result(ddim(joined, x, visits, joined.encode(styled(*others.values())), source, eta, keep))
    torch.testing.assert_close(result(plan(r, **{PHOTO: photo()}).run("cpu")).x_t, expected.x_t)


def test_the_line_under_the_samplers_speaks_of_each():
    info = AnagramRequest.kinds()["sampler"].info
    assert all(s.title.split(",")[0] in info for s in TEXT_SAMPLERS.values())


@pytest.mark.slow
def test_each_picture_has_its_own_seed():
    both = plan(AnagramRequest.checked(n=2, steps=2, seed=5))
    assert both.seeds == (5, 6) and both.alone(1).request == AnagramRequest.checked(n=1, steps=2, seed=6)
    few, alone = (result(p.run("cpu")).x_0 for p in (both, both.alone(1)))
    assert (few[1:] - alone).abs().max() < 1e-4


def test_turning_ends_in_the_view():
    r = AnagramRequest.checked(prompts=["a", "b", "c"], views=["identity", "rotate_90", "inner_circle"])
    pixels, made = np.asarray(mountains().resize((64, 64))), plan(r)
    for move, seen in zip(made.turning(pixels, 5), made.seen(pixels)[1:], strict=True):
        assert len(move) == 5 and move[0].shape == (256, 256, 3)
        assert (move[0] == images.enlarge(pixels, 4)).all() and (move[-1] == images.enlarge(seen, 4)).all()
    assert (made.seen(pixels)[1] == np.rot90(pixels, -1)).all()


def test_the_part_of_the_photo_is_kept():
    r = HybridRequest.checked(own="low", prompts=["", "a rose"], n=1, steps=4)
    low, run = r.components()["low"], plan(r, **{PHOTO: photo()})
    made = result(run.run("cpu")).x_0
    given = images.from_uint8(photo()[None], -1, 1)
    assert (low(made) - low(given)).abs().mean() < 0.08, "0.8 without it; not 0, for the last estimate was clipped"
    assert run.cost() == (4, 2) and run.prompts == ["an emoji of a rose"]
    assert run.settings() == r.settings(), "the photo stays with the person"


def test_a_run_asks_about_every_reading_and_both_ways_where_it_guides():
    three = {"prompts": ("a", "b", "c"), "views": ("identity", "flip", "skew"), "n": 2, "steps": 5}
    assert plan(AnagramRequest(**three)).cost() == (5, 12)
    assert plan(AnagramRequest(**three, guidance=1.0)).cost() == (5, 6)
    assert plan(AnagramRequest(**three, reduction="alternate")).cost() == (5, 4)
    assert plan(HybridRequest(split="three", prompts=("a", "b", "c"), n=2, steps=5)).cost() == (5, 12)


@pytest.mark.parametrize(
    ("n", "columns", "across", "beside"),
    [
        (1, 1, ["seed 9"], 3),
        (2, 2, ["seed 9", "seed 10"], 2),
        (4, 4, ["seed 9", "seed 10", "seed 11", "seed 12"], 1),
        (5, 3, [], 1),
        (8, 4, [], 1),
    ],
)
def test_a_lane_per_reading_stands_over_the_same_picture(n, columns, across, beside):
    made = plan(AnagramRequest(prompts=("a", "b", "c"), views=("identity", "flip", "negate"), n=n, seed=9))
    pixels = np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), np.uint8)
    lanes = made.lanes(Frame(0, 1, 900, 255 - pixels, pixels))
    assert [lane.shape for lane in lanes] == [pixels.shape] * 3 == [pixels.shape] * len(made.lane_titles)
    for lane, turned in zip(lanes, (pixels, pixels[:, ::-1], 255 - pixels), strict=True):
        assert np.array_equal(lane, turned)
    assert (made.columns, list(made.across), made.beside) == (columns, across, beside)
    assert made.name == "anagram-pocket-seed-9" and not made.origins
    assert [sheet.shape for sheet in made.sheets(pixels)] == [(64, 3 * 64 + 2, 3)] * n


def test_a_film_goes_there_and_back_and_rests_at_both_ends():
    pixels = photo()
    for made, frames in ((plan(AnagramRequest()), 25), (plan(HybridRequest(split="colour")), 17)):
        film = made.film(pixels)
        moving = film[10:]
        assert len(moving) == 2 * frames + 10 and not np.array_equal(moving[0], moving[frames])
        assert all(np.array_equal(there, back) for there, back in zip(moving, moving[::-1], strict=True))
        assert all(np.array_equal(frame, film[0]) for frame in film[:10])


def test_captions_and_titles_say_what_is_where():
    hybrid_ = plan(HybridRequest(prompts=("a", "b", "c"), split="three", n=1, own="middle"))
    assert hybrid_.caption == (
        "pocket: low “a”, middle your photo, high “c”; σ = 4 and 1; an emoji of …; DDIM, 30 steps; guidance 3; seed 180."
    )
    assert hybrid_.lane_titles == [
        "seen from near: “c”",
        "its low and middle part alone, seen from halfway: your photo",
        "its low part alone, seen from afar: “a”",
    ]
    knobs = {"frequencies": "; σ = 4", "colour": "", "motion": "; 7 pixels at 45°"}
    for split, knob in knobs.items():
        assert f"“a spider”{knob}; an emoji of" in plan(HybridRequest(split=split)).caption
    turns = plan(AnagramRequest(views=("identity", "blur"), reduction="alternate", n=3, style=""))
    assert turns.lane_titles == ["As it is: a balloon", "Blur: a teapot"]
    assert turns.caption == (
        "pocket: as it is “a balloon”; blur “a teapot”; DDIM, 30 steps; guidance 3; seed 180 – 182; one view per step"
        "; a view that is not legal."
    )


def test_an_anagram_is_enlarged_with_all_its_prompts_and_in_all_its_views(monkeypatch):
    asked, go = [], iter(())
    monkeypatch.setattr("core.runs.enlarging.enlarger", lambda side: "if-ii-m")  # as if a GPU were here
    monkeypatch.setattr("core.runs.enlarging.load", lambda name, device: name)
    monkeypatch.setattr(
        "core.models.deepfloyd.sampling.super_resolve", lambda *given, views: asked.append((*given, views)) or go
    )
    of = plan(AnagramRequest(views=("identity", "jigsaw"), style="a photo of", view_seed=7, n=2, seed=9))
    big = larger(of, 1, np.full((64, 64, 3), 51, np.uint8))
    assert big.run("cpu") is go
    ((model, low, prompts, _, source, views),) = asked
    assert (model, prompts) == ("if-ii-m", [("a photo of a balloon", "a photo of a teapot")]) and prompts[0] == tuple(
        big.prompts
    )
    assert [v.title for v in views] == ["As it is", "Jigsaw"] and views[1].seed == 7
    assert low.shape == (1, 3, 64, 64) and torch.allclose(low, torch.tensor(-0.6))
    assert [g.initial_seed() for g in source] == [g.initial_seed() for g in generators(10, 1)]
    assert (big.beside, list(big.lane_titles)) == (2, of.lane_titles)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), np.uint8)
    assert np.array_equal(
        big.lanes(Frame(1, 1, -1, pixels, pixels))[1][0], view_of("jigsaw", 7).tween(pixels[0], 2)[-1]
    )


@pytest.mark.parametrize("split", SPLITS)
def test_parts_and_receding(split):
    r = HybridRequest.checked(prompts=["a", "b", "c"], split=split)
    pixels = np.asarray(mountains().resize((64, 64)))
    assert torch.allclose(sum(f(torch.ones(1, 3, 8, 8)) for f in r.components().values()), torch.ones(1, 3, 8, 8))
    made = plan(r)
    near, *others = made.readings(pixels[None])
    assert (near[0] == pixels).all() and len(others) == len(r.parts) - 1 and others[-1].shape == (1, 64, 64, 3)
    detail = [np.abs(np.diff(p[0].astype(float), axis=1)).sum() for p in (near, *others)]
    if split == "colour":  # the grey picture has as much detail, and nothing else
        grey = pixels.mean(-1, keepdims=True).repeat(3, -1)
        np.testing.assert_allclose(others[-1][0].astype(float), grey, atol=1)
    else:
        assert detail == sorted(detail, reverse=True)
    frames = made.receding(pixels, 4)
    assert len(frames) == 4 and frames[-1].shape == (256, 256, 3)


@pytest.mark.parametrize("split", ["frequencies", "three"])
def test_a_picture_of_frequencies_recedes_until_it_is_an_eighth_as_large(split):
    frames = plan(HybridRequest(split=split)).receding(np.zeros((64, 64, 3), np.uint8), 4)
    assert [(frame < 128).all(-1).sum() for frame in frames] == [side**2 for side in (256, 128, 64, 32)]
    assert (frames[-1][112:144, 112:144] == 0).all()


@pytest.mark.parametrize("split", ["colour", "motion"])
def test_other_pictures_turn_into_their_last_reading(split):
    made, pixels = plan(HybridRequest(split=split)), np.asarray(mountains().resize((64, 64)))
    ends = made.receding(pixels, 4)[::3]
    for frame, reading in zip(ends, (pixels, made.readings(pixels[None])[-1][0]), strict=True):
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
    exact = VIEWS[name].legal or name == "white_balance"  # which scales the channels there and back
    assert np.array_equal(noise, back) == exact
