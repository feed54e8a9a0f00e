"""Words in the picture by a tiny random DeepFloyd IF: T5's words, the picture's own share, weighed and swapped words, Stop."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_if
import torch

from core.checks import ModelError, Refused
from core.diffusion.noise import generator, randn
from core.models.deepfloyd import hub
from core.models.deepfloyd import text_encoder as t5
from core.models.deepfloyd.attention import layers_to_words
from core.models.registry import load
from core.runs import word_maps
from core.runs.prompts import placed
from core.runs.recording import Recording
from core.runs.word_factors import by_token, can_be_weighed
from core.runs.word_maps import average, by_head
from core.runs.words import PLANS, WordsRequest
from tabs.words.job import JOB

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_if_here")]
R = WordsRequest("a photo of a rocketship", weights="rocketship -2", other="a photo of a dog", model="if-m", steps=3)
FIRST = hub.REPOSITORIES["if-m"]
PROMPTS = ["dog", "", "dog " * 64, "rocketships", "a dog and a dog", "🚀, «狗» x\x00y", "a photo of a dog"]


def ran(name: str, request: WordsRequest) -> Recording:
    """A run that is kept."""
    recording = Recording(PLANS[name](request))
    for _ in recording.follow(recording.plan.run("cpu")):
        pass
    return recording


def results(name: str, request: WordsRequest) -> torch.Tensor:
    *_, last = PLANS[name](request).run("cpu")
    return last.x_0


# ---- words ----


def test_words_and_pieces():
    words = placed("if-m", "A photo of a rocketship")
    assert [(w.text, w.places) for w in words[:5]] == [
        ("a", (0,)), ("photo", (1,)), ("of", (2,)), ("a", (3,)), ("rocketship", (4, 5, 6, 7, 8)),
    ]  # fmt: skip
    assert [(w.text, w.kind, len(w.places)) for w in words[5:]] == [
        ("end", "end", 1), ("padding", "padding", 67), ("the picture itself", "picture", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("name", PLANS)
def test_every_prompt_runs_and_the_shares_of_a_place_sum_to_one(name, prompt):
    recording = ran(name, WordsRequest.checked(prompt=prompt, weights="(end) 0", other="a dog", model="if-m", steps=2))
    plan = recording.plan
    assert plan.count == {"maps": 1, "weigh": 2, "ladder": 6, "swap": 3}[name]
    for frame in recording.frames:
        total = average(frame, plan.most).sum(1)  # over words, the end, the padding and the picture itself
        assert total.shape == (plan.count, tiny_if.SIZE, tiny_if.SIZE)
        np.testing.assert_allclose(total, 1, atol=0.02 + 0.001 * plan.most)  # a byte a word
        assert plan.sheet(frame).shape[1] == (1 + plan.most) * (tiny_if.SIZE + 2) - 2
    assert "pooled to one vector" in plan.caption and "one sum" not in plan.caption


def test_the_picture_has_a_share_of_its_own_and_the_text_the_rest():
    recording = ran("maps", R)
    names = [w.text for w in recording.plan.read[0]]
    shares = average(recording.frames[0], recording.plan.most)[0]
    own = shares[names.index("the picture itself")]
    assert (own > 0.05).all() and (own < 0.95).all()  # by 256 keys of the picture and 77 of the text
    np.testing.assert_allclose(own + shares[: len(names) - 1].sum(0), 1, atol=0.02)


def test_the_same_word_twice_has_two_maps_and_of_several_prompts_each_has_its_picture():
    recording = ran("swap", replace(R, prompt="a dog a rocket", other="a dog"))
    plan, shares = recording.plan, average(recording.frames[0], recording.plan.most)
    assert [w.text for w in plan.read[0]][:3] == ["a", "dog", "a"] and (shares[0, 0] != shares[0, 2]).any()
    assert [len(words) for words in plan.read] == [7, 5, 5] and plan.across == ()
    assert (shares[1, 5:] == 0).all() and (shares[1, 4] > 0.05).all()  # the picture itself is the last of its own words


def test_a_word_of_several_pieces_has_the_sum_of_their_maps(monkeypatch):
    whole = average(ran("maps", R).frames[0], 8)[0]
    pieces = [tuple(w.places) for w in placed("if-m", R.prompt)][4]
    every = [t5.pieces_of(tiny_if.tokenizer(), R.prompt)[p].replace("▁", "") for p in pieces]
    apart = [w for w in placed("if-m", R.prompt) for w in ([w] if w.places != pieces else [
        replace(w, text=text, places=(p,)) for text, p in zip(every, pieces, strict=True)
    ])]  # fmt: skip
    monkeypatch.setattr("core.runs.words.placed", lambda model, prompt: apart)
    maps = average(ran("maps", R).frames[0], 12)[0]
    np.testing.assert_allclose(whole[4], maps[4:9].sum(0), atol=0.01)


def test_layers_have_the_sizes_of_the_network():
    from diffusers import UNet2DConditionModel

    config = dict(tiny_if.unet(1).config) | {
        "sample_size": 24, "block_out_channels": [16, 32, 32],
        "down_block_types": ["ResnetDownsampleBlock2D", *["SimpleCrossAttnDownBlock2D"] * 2],
        "up_block_types": [*["SimpleCrossAttnUpBlock2D"] * 2, "ResnetUpsampleBlock2D"],
    }  # fmt: skip
    torch.manual_seed(0)
    net = UNet2DConditionModel.from_config(config).eval()
    model = load("if-m", "cpu")
    model._net, model.shape = net, (3, 24, 24)
    frame = ran("maps", R).frames[0]
    sizes = {name: m.shape[1:3] for name, m in frame.maps.items()}
    assert [*sizes] == ["down 12×12", "down 6×6", "middle 6×6", "up 6×6, 1", "up 6×6, 2", "up 12×12, 1", "up 12×12, 2"]
    assert all(f"{h}×{w}" in name for name, (h, w) in sizes.items())
    assert by_head(frame, "down 6×6", 8).shape == (1, 2, 8, 6, 6)


# ---- the picture is the same ----


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_recording_changes_no_bit_of_the_picture(sampler, guidance, monkeypatch):
    r, model = replace(R, n=2, sampler=sampler, guidance=guidance), load("if-m", "cpu")
    on = [s.x_t for s in PLANS["maps"](r).run("cpu")]
    processors = [m.processor for m in layers_to_words(model.net).values()]
    assert all(type(p).__name__ == "AttnAddedKVProcessor2_0" for p in processors)
    monkeypatch.setattr(type(model), "watched", lambda self, hook: self)
    off = [s.x_t for s in PLANS["maps"](r).run("cpu")]
    assert len(on) == 4 and all(map(torch.equal, on, off))


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_announced_calls_are_those_that_are_made(name, guidance):
    made, model = [], load("if-m", "cpu")
    model.text.prepare(["", R.prompt, R.other], "cpu")  # T5 makes room for itself
    net = model.net
    handle = net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    try:
        plan = PLANS[name](replace(R, guidance=guidance))
        assert len([*plan.run("cpu")]) == 4
    finally:
        handle.remove()
    assert made == [(1 + (guidance != 1)) * plan.count] * 3 and plan.cost() == (3, made[0])


# ---- weigh, swap ----


def test_a_weighed_word_changes_its_picture_alone():
    plain, two, one = results("maps", R), results("weigh", R), results("weigh", replace(R, weights="rocketship 1"))
    torch.testing.assert_close(two[0], plain[0], atol=1e-4, rtol=0)
    assert (two[1] - two[0]).abs().max() > 1e-3
    torch.testing.assert_close(one[1], one[0], atol=1e-4, rtol=0)
    six = results("ladder", R)
    torch.testing.assert_close(six[0], two[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(six[3], two[0], atol=1e-4, rtol=0)


def test_factors_go_to_every_piece_and_what_is_no_word_is_refused():
    words = placed("if-m", "a rocketship, a dog")
    assert by_token("rocketship 2, a#2 0", words) == [1, 2, 2, 2, 2, 2, 1, 0, 1, *[1] * 69]
    assert [w.text for w in words if not can_be_weighed(w)] == [",", "the picture itself"]
    assert by_token("(end) 0, (padding) 3", words)[8:] == [1, 0, *[3] * 67, 1]
    for text, what in (
        ("(picture) 2", "is the picture's attention"),
        ("(start) 2", "does not have"),
        ("狗 2", "does not"),
    ):
        with pytest.raises(Refused, match=what):
            by_token(text, words)
    assert by_token("狗 2, rosé 3", placed("if-m", "狗 rose rosé"))[:8] == [2, 2, 1, 1, 1, 1, 1, 3]


def test_swap_keeps_the_first_maps_until_then():
    plain, three = results("maps", replace(R, prompt=R.other)), results("swap", replace(R, keep=0))
    torch.testing.assert_close(three[1], plain[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(three[2], plain[0], atol=1e-4, rtol=0)
    same = results("swap", replace(R, other=R.prompt, keep=100))
    torch.testing.assert_close(same[2], same[0], atol=1e-3, rtol=0)
    recording = ran("swap", replace(R, other="a photo of a dog", prompt="a photo of a rocket", steps=4))
    for frame in recording.frames[:4]:  # of the part that the words have, the first picture's and the third's
        maps = by_head(frame, "down 16×16", recording.plan.most)[:, 0, :6]
        first, _, third = maps / maps.sum(1, keepdims=True)
        assert (np.abs(first - third).mean() < 0.002) == (frame.i < 2), np.abs(first - third).mean()


# ---- without the tokenizer; room; Stop ----


def no_files(monkeypatch, *gone: str) -> None:
    monkeypatch.setattr(hub, "missing", lambda repository, parts: [p for p in parts if p in gone])


def test_without_a_tokenizer_the_bank_has_the_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPT_BANK", str(tmp_path))
    before, picture = placed("if-m", R.prompt), results("maps", R)  # T5 fills the bank
    no_files(monkeypatch, *hub.TEXT)
    monkeypatch.setattr(t5, "load_tokenizer", lambda snapshot: pytest.fail("the tokenizer was loaded"))
    t5._cut.cache_clear(), t5._kept_tokenizer.cache_clear()
    assert placed("if-m", R.prompt) == before and torch.equal(results("maps", R), picture)
    with pytest.raises(
        ModelError, match=r"'a new dog' is new, and the tokenizer of DeepFloyd/IF-I-M-v1\.0 is not here"
    ):
        WordsRequest.checked(model="if-m", prompt="a new dog")


def test_an_embedding_without_its_tokens_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPT_BANK", str(tmp_path))
    bank = t5.Text(FIRST, hub.snapshot(FIRST.id)).bank
    bank.put("a dog", randn((t5.TOKENS, tiny_if.WIDTH), generator(1)))
    assert [w.text for w in placed("if-m", "a dog")][:2] == ["a", "dog"]  # by the tokenizer
    no_files(monkeypatch, *hub.TEXT)
    with pytest.raises(ModelError, match="was put into the prompt bank without its tokens"):
        WordsRequest.checked(model="if-m", prompt="a dog")


def test_heads_that_have_no_room_are_averaged(monkeypatch):
    every = ran("maps", R).frames[0]
    monkeypatch.setattr(word_maps, "MOST", 4 * every.nbytes - 1)
    mean = ran("maps", R).frames[0]
    for name in every.maps:
        assert by_head(every, name, 8).shape[1] == 1 and every.maps.keys() == mean.maps.keys()
        np.testing.assert_allclose(by_head(mean, name, 8)[:, 0], by_head(every, name, 8).mean(1), atol=0.005)


def test_stop_keeps_what_is_there_and_the_next_run_is_the_same():
    values = {"prompt": R.prompt, "model": "if-m", "steps": 20, "device": "cpu"}
    before = results("maps", replace(R, steps=20))
    run = JOB.handler("maps")(**values)
    first = next(run)
    assert first["running"] and [w["text"] for w in first["words"][0]][4:6] == ["rocketship", "end"]
    run.close()
    view, number, _, *files = JOB.keep(first)
    assert number == 1 and len(files) == 3 and "Stopped at step" in view["caption"] and not view["running"]
    assert 1 <= len(view["frames"]) < 20 and all(f["maps"]["layers"] for f in view["frames"])
    net = load("if-m", "cpu").net
    assert all(type(m.processor).__name__ == "AttnAddedKVProcessor2_0" for m in layers_to_words(net).values())
    assert torch.equal(results("maps", replace(R, steps=20)), before)
