"""Words in the picture: the maps of a run, weighed words, a swapped word, and every kind of prompt."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import WORDS, tiny_pocket

from core.checks import Refused
from core.diffusion.noise import MAX_SEED
from core.models.captions import LENGTH, Vocabulary
from core.pictures.heat import heat
from core.runs import words
from core.runs.recording import Recording
from core.runs.sampling import draw
from core.runs.word_factors import by_token, factors_of, read_factors
from core.runs.word_maps import as_bytes, as_shares, average, by_head, laid_out
from core.runs.words import PLANS, WordsRequest

VOCABULARY = Vocabulary(WORDS)
R = WordsRequest("an emoji of a rose", weights="rose -2", other="an emoji of a penguin", steps=4)


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(words, "load", lambda name, device="auto": pocket)
    monkeypatch.setattr(words, "placed", lambda model, prompt: VOCABULARY.placed(prompt))
    return pocket


def ran(name: str, request: WordsRequest) -> Recording:
    """A run that is kept."""
    recording = Recording(PLANS[name](request))
    for _ in recording.follow(recording.plan.run()):
        pass
    return recording


def results(name: str, request: WordsRequest) -> torch.Tensor:
    *_, last = PLANS[name](request).run()
    return last.x_0


# ---- words and their places ----


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Rose", [("start", (0,)), ("rose", (1,)), ("padding", tuple(range(2, 12)))]),
        ("", [("start", (0,)), ("padding", tuple(range(1, 12)))]),
        ("a zzz rose", [("start", (0,)), ("a", (1,)), ("zzz", ()), ("rose", (2,)), ("padding", tuple(range(3, 12)))]),
        ("rose rose", [("start", (0,)), ("rose", (1,)), ("rose", (2,)), ("padding", tuple(range(3, 12)))]),
    ],
)
def test_words_have_the_places_of_their_tokens(prompt, expected):
    assert [(w.text, w.places) for w in VOCABULARY.placed(prompt)] == expected


def test_the_places_are_those_of_the_encoded_caption():
    row = VOCABULARY.encode(["a zzz photo of a rose tower"])[0]
    for word in VOCABULARY.placed("a zzz photo of a rose tower"):
        if word.kind == "word" and word.places:
            assert [VOCABULARY.ids[word.text]] == row[list(word.places)].tolist()


@pytest.mark.parametrize("prompt", ["rose", "", "rose " * 64, "zzz", "zzz rose", "a rose and a rose"])
@pytest.mark.parametrize("name", PLANS)
def test_every_prompt_runs_and_the_maps_of_a_place_sum_to_one(name, prompt):
    r = replace(R, prompt=prompt, weights="(padding) 0" if len(prompt) < 99 else "rose 2", steps=2)
    if name == "weigh" and prompt == "a rose and a rose":
        r = replace(r, weights="rose#2 3")
    recording = ran(name, r)
    plan = recording.plan
    for frame in recording.frames:
        total = average(frame, plan.most).sum(1)  # over words
        assert total.shape == (plan.count, 16, 16)
        np.testing.assert_allclose(total, 1, atol=0.02)  # a byte a word
        assert plan.sheet(frame).shape[1] == (1 + plan.most) * 66 - 2
    assert all(len(w) <= 1 + LENGTH for w in plan.read) and plan.caption


def test_sizes_come_from_the_network(pocket):
    frame = ran("maps", R).frames[0]
    sizes = {name: maps.shape[1:3] for name, maps in frame.maps.items()}
    assert [*sizes] == [*pocket.net.layers_to_words()]
    assert {s[0] for s in sizes.values()} == {16, 8}
    wide = torch.rand(1, 2, 15, 3)
    assert laid_out(wide, 30, 50).shape == (1, 6, 3, 5)


def test_bytes_keep_small_shares_and_the_layout():
    p = torch.rand(2, 3, 12, 5)
    data = laid_out(p, 30, 40).permute(0, 2, 3, 1).numpy()
    frame = ran("maps", R).frames[0]
    frame = replace(frame, maps={"one": data})
    back = by_head(frame, "one", 5)  # (B, heads, words, h, w)
    np.testing.assert_allclose(back, p.unflatten(2, (3, 4)).permute(0, 1, 4, 2, 3), atol=0.005)
    small = np.linspace(0, 0.02, 50)
    assert np.abs(as_shares(as_bytes(small)) - small).max() < 0.0006


# ---- the picture is the same ----


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm-solver"])
def test_recording_changes_no_bit_of_the_picture(guidance, sampler, pocket):
    r = replace(R, n=2, guidance=guidance, sampler=sampler)
    on = [s.x_t for s in PLANS["maps"](r).run()]
    plan = PLANS["maps"](r)
    watched, pocket.watched = pocket.watched, lambda hook: pocket
    off = [s.x_t for s in plan.run()]
    pocket.watched = watched
    assert len(on) == 5 and all(map(torch.equal, on, off))
    assert all(layer.hook is None for layer in pocket.net.layers_to_words().values())


def test_the_plain_run_is_that_of_sampling(pocket):
    *_, last = draw(pocket, [R.prompt], R.guidance, R.steps, R.seed)
    assert torch.equal(results("maps", R), last.x_0)


def test_the_conditional_half_is_shown(pocket):
    guided, plain = (ran("maps", replace(R, guidance=w)).frames[0].maps for w in (3.0, 1.0))
    for name in plain:  # from the same noise the first call's conditional half is the same
        assert np.abs(guided[name].astype(int) - plain[name]).max() <= 1


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_announced_calls_are_those_that_are_made(name, guidance, pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    plan = PLANS[name](replace(R, guidance=guidance, steps=3))
    assert len([*plan.run()]) == 4
    assert made == [(1 + (guidance != 1)) * plan.count] * 3 and plan.cost() == (3, made[0])


# ---- weigh ----


@pytest.mark.slow
def test_weight_one_changes_nothing_and_the_first_picture_is_never_weighed():
    plain = results("maps", R)
    four = results("weigh", replace(R, weights="rose 1, emoji 1"))
    for k in range(4):
        torch.testing.assert_close(four[k], plain[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(results("weigh", R)[0], plain[0], atol=1e-4, rtol=0)


def test_each_way_of_weighing_changes_its_own_picture():
    four = results("weigh", R)
    for k in (1, 2, 3):
        assert (four[k] - four[0]).abs().max() > 1e-3
    assert len({tuple(p.flatten().tolist()) for p in four}) == 4


@pytest.mark.slow
def test_the_ladder_has_the_plain_picture_at_one_and_the_weighed_one_at_its_factor():
    six, four = results("ladder", R), results("weigh", R)
    assert words.LADDER[3] == 1 and words.LADDER[0] == -2
    torch.testing.assert_close(six[3], four[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(six[0], four[3], atol=1e-4, rtol=0)


def test_weight_zero_in_the_sum_leaves_the_word_out(pocket):
    ids = VOCABULARY.encode(["a rose"])
    factors = torch.ones(1, LENGTH)
    factors[0, 2] = 0
    left = pocket.net.encoder.bag(ids, factors)
    alone = pocket.net.encoder.bag(VOCABULARY.encode(["a"]))
    torch.testing.assert_close(left * 2**0.5, alone)
    cond = pocket.encode(["a rose"])
    assert torch.equal(pocket.weigh(cond, ["a rose"], torch.ones(1, LENGTH)), cond)
    assert torch.equal(pocket.weigh(cond, ["a rose"], factors)[:, 1:], cond[:, 1:])


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Red 2, apple -1", "red 2, apple -1"), ("red=2;apple: .5", "red 2, apple 0.5"), ("", ""), (None, ""),
     ("red#2 × −1", "red#2 -1"), ("(padding) 0\n(start) 1", "(padding) 0, (start) 1"), ("red#1 2", "red 2")],
)  # fmt: skip
def test_factors_are_read_and_written(text, plain):
    assert read_factors(text) == plain and read_factors(plain) == plain


@pytest.mark.parametrize(
    "text", ["red", "2", "red two", "red 4", "red -3", "red nan", 7, ["red 2"], ", ".join(["a 1"] * 65)]
)
def test_bad_factors_are_refused(text):
    with pytest.raises(Refused):
        factors_of(text)


def test_factors_go_to_the_tokens_of_their_words():
    words = VOCABULARY.placed("a rose zzz rose")
    assert by_token("rose#2 3, a 0", words) == [1, 0, 1, 3] + [1] * 8
    assert by_token("(padding) 0", words) == [1.0] * 4 + [0.0] * 8
    assert by_token("Rosé 2", words)[2] == 2
    for text, what in (
        ("tower 2", "does not have"),
        ("rose#3 2", "3 times"),
        ("rose#0 2", "does not have"),
        ("zzz 2", "does not read"),
    ):
        with pytest.raises(Refused, match=what):
            by_token(text, words)


def test_nothing_to_weigh_is_refused():
    for r in (replace(R, weights=""), replace(R, weights="lighthouse 2")):
        with pytest.raises(Refused):
            PLANS["weigh"](r)


# ---- swap ----


def test_swap_for_nothing_is_refused():
    with pytest.raises(Refused, match="Write under “Swap for”"):
        PLANS["swap"](replace(R, other=""))


@pytest.mark.slow
def test_swap_with_nothing_kept_is_the_plain_new_prompt():
    four = results("swap", replace(R, keep=0))
    plain = results("maps", replace(R, prompt=R.other))
    for k in (1, 2, 3):
        torch.testing.assert_close(four[k], plain[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(four[0], results("maps", R)[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("keep", [50, 100])
def test_swap_for_the_same_prompt_changes_nothing(keep):
    four = results("swap", replace(R, other=R.prompt, keep=keep))
    for k in (1, 2, 3):
        torch.testing.assert_close(four[k], four[0], atol=1e-3, rtol=0)


def test_kept_maps_are_those_of_the_first_prompt_until_then():
    recording = ran("swap", replace(R, keep=50))
    for frame in recording.frames[:4]:
        maps = average(frame, recording.plan.most)
        assert np.allclose(maps[0], maps[2], atol=0.006) == (frame.i < 2)
    assert (recording.frames[-1].x_0[2] != recording.frames[-1].x_0[1]).any()
    assert recording.plan.until == PLANS["swap"](replace(R, keep=50)).until


@pytest.mark.parametrize(("keep", "steps"), [(0, 0), (25, 1), (50, 2), (100, 4)])
def test_the_share_is_one_of_steps(keep, steps):
    plan = PLANS["swap"](replace(R, keep=keep))
    visits = words.schedule_of("pocket").timesteps(R.steps)
    assert sum(t > plan.until for t in visits) == steps


# ---- pictures and words ----


def test_heat_lands_on_its_place_and_keeps_the_picture_visible():
    picture = np.zeros((8, 12, 3), np.uint8)
    picture[:4] = 255
    values = np.zeros((2, 3))
    values[0, 2] = 1
    out = heat(picture, values, 0, 1)
    assert out.shape == (8, 12, 3) and out.dtype == np.uint8
    assert (out[:4, 8:] == (150, 0, 38)).all() and (out[:4, :8] == 255).all()
    assert (out[4:] == out[4, 0]).all() and out[4, 0, 0] < 255
    assert (heat(picture, np.full((2, 3), 0.3), 0.3, 0.3) <= 255).all()


def test_labels_and_titles():
    swap, maps = PLANS["swap"](R), PLANS["maps"](replace(R, n=3))
    assert swap.across[-2] == "rose / penguin" and len(swap.down) == swap.count == 4
    assert maps.down == ("seed 180", "seed 181", "seed 182") and maps.across[0] == "picture"
    assert PLANS["maps"](R).down == ()
    assert "shown pictures of one thing" in PLANS["maps"](replace(R, prompt="a rose and a tower")).caption


def test_after_the_largest_seed_they_count_from_0_as_in_other_tabs():
    plan = PLANS["maps"](WordsRequest.checked(seed=MAX_SEED, n=3))
    assert list(plan.seeds) == [MAX_SEED, 0, 1]
    assert all(s.x_0.isfinite().all() for s in plan.run())


@pytest.mark.parametrize(
    ("values", "what"),
    [({"n": 0}, "number of pictures"), ({"n": 5}, "number of pictures"), ({"keep": 101}, "share of the steps"),
     ({"guidance": 0}, "guidance"), ({"weights": 7}, "factors on words must be text"),
     ({"weights": "red " * 999}, "factors on words must be at most")],
)  # fmt: skip
def test_bad_values_are_refused(values, what):
    with pytest.raises(Refused, match=what):
        WordsRequest.checked(**values)


@pytest.mark.parametrize(("weights", "what"), [("rose 9", "factor on “rose”"), ("rose", "is no factor")])
def test_factors_that_cannot_be_read_are_refused_only_where_words_are_weighed(weights, what):
    r = WordsRequest.checked(prompt="a rose", weights=weights, other="a tower")
    assert r.weights == weights, "it is not lost"
    for name in ("weigh", "ladder"):
        with pytest.raises(Refused, match=what):
            PLANS[name](r)
    for name in ("maps", "swap"):
        assert "Weighed" not in PLANS[name](r).caption
    assert WordsRequest.checked(weights=" Rose=2").weights == "rose 2"


def test_a_model_that_cannot_be_watched_is_refused(monkeypatch):
    monkeypatch.setattr(words, "placed", lambda model, prompt: [])
    with pytest.raises(Refused, match="choose pocket"):
        WordsRequest.checked()
