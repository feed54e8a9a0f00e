"""The network from inside: one picture, and its blocks' outputs when the network is told something else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import tiny_pocket

from core.checks import ModelError, Refused
from core.diffusion.guidance import guide
from core.diffusion.noise import generators, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models.mnist import Digits
from core.models.mnist_unet import UNet
from core.runs import network
from core.runs.network import CHANGES, CHANNELS, PLANS, NetworkRequest, as_byte, blocks
from core.runs.recording import Recording
from core.runs.sampling import draw

R = NetworkRequest(steps=3)
WORDS = replace(R, model="pocket", prompt="a rose", other="a penguin", guidance=3.0)


def tiny_digits(path: str) -> Digits:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = UNet(16, time=True, classes=10)
    return Digits(net.eval().requires_grad_(False), path)


TINY = {"flow-class": tiny_digits("flow"), "ddpm-class": tiny_digits("ddpm"), "pocket": tiny_pocket()}


@pytest.fixture(autouse=True)
def models(monkeypatch):
    """Tiny networks in the place of the shipped ones."""
    monkeypatch.setattr(network, "load", lambda name, device="auto": TINY[name])
    network.graph.cache_clear()
    yield TINY
    network.graph.cache_clear()


def ran(name: str, request: NetworkRequest) -> Recording:
    recording = Recording(PLANS[name](request))
    for _ in recording.follow(recording.plan.run()):
        pass
    return recording


def changes(recording: Recording, k: int = 0) -> dict[str, int]:
    """Block -> its change in bytes, in frame k."""
    names = [b.name for b in blocks(recording.plan.request.model)]
    return dict(zip(names, recording.frames[k].maps[CHANGES].ravel().tolist(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", PLANS)
def test_looking_inside_changes_no_picture(name, guidance):
    *_, words = PLANS[name](replace(WORDS, guidance=guidance)).run()
    *_, plain = draw(TINY["pocket"], ["a rose"], guidance, 3, R.seed)
    torch.testing.assert_close(words.x_0, plain.x_0, atol=1e-4, rtol=1e-4)
    *_, digit = PLANS[name](replace(R, guidance=guidance)).run()
    model = TINY["flow-class"]
    guided = guide(model, guidance)
    x = randn((1, *model.shape), generators(R.seed, 1))
    *_, last = ddim(guided, x, visits_together(model.schedule.timesteps(3), 1), guided.encode([3]))
    torch.testing.assert_close(digit.x_0, last.x_0, atol=1e-4, rtol=1e-4)


def test_the_way_down_of_the_courses_network_knows_no_class():
    """It enters after Unflatten: what lies before is the same bit for bit."""
    found = changes(ran("prompt", R))
    assert all(found[name] == 0 for name in ("enter", "down1", "down2", "flatten", "unflatten", "t1", "t2"))
    assert all(found[name] > 0 for name in ("c1", "c2", "up1", "up2", "leave.0"))


def test_another_t_enters_where_t_does():
    found = changes(ran("time", R), 1)  # in the first frame t is the largest already
    assert all(found[name] == 0 for name in ("enter", "down1", "down2", "flatten", "unflatten", "c1", "c2"))
    assert all(found[name] > 0 for name in ("t1", "t2", "up1", "leave.1"))


def test_pocket_differs_from_its_first_block_on():
    words, time = changes(ran("prompt", WORDS)), changes(ran("time", WORDS), 1)
    assert words["enter"] == time["enter"] == words["time"] == time["caption"] == 0
    assert min(words["down.0"], words["caption"], time["down.0"], time["time"]) > 0


@pytest.mark.parametrize("request_", [R, WORDS], ids=["digits", "words"])
def test_the_same_prompt_changes_nothing(request_):
    recording = ran("prompt", replace(request_, other=request_.prompt))
    for frame in recording.frames:
        assert not frame.maps[CHANGES].any()
        for name, maps in frame.maps.items():
            if name != CHANGES:
                np.testing.assert_allclose(maps[0].astype(int), maps[1].astype(int), atol=1)  # rounded to 256 levels
        parts = (frame.parts[name].astype(int) for name in ("as asked", "told otherwise"))
        np.testing.assert_allclose(*parts, atol=1)


def test_every_frame_has_the_maps_of_every_block():
    recording = ran("prompt", WORDS)
    assert len(recording.frames) == 4
    for frame in recording.frames:
        assert {*frame.maps} == {CHANGES, *(block.name for block in blocks("pocket"))}
        for block in blocks("pocket"):
            n, h, w, channels = frame.maps[block.name].shape
            assert n == 2 and channels in (1, min(CHANNELS, block.shape[0]))
            assert (h, w) == block.shape[1:] or h * w == block.shape[0]
    last, before = recording.frames[-1], recording.frames[-2]
    assert last.t == -1 and np.array_equal(last.maps["enter"], before.maps["enter"])


def test_the_estimate_as_asked_is_that_of_the_network_alone():
    step = next(iter(PLANS["prompt"](R).run()))
    model = TINY["flow-class"]
    alone = model.predict(step.x_t, step.t, model.encode([3])).x_0
    torch.testing.assert_close(step.parts["as asked"], alone, atol=1e-5, rtol=1e-4)
    other = model.predict(step.x_t, step.t, model.encode([8])).x_0
    torch.testing.assert_close(step.parts["told otherwise"], other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shift", [-100, -30, 0, 55, 100])
@pytest.mark.parametrize("model", ["flow-class", "ddpm-class"])
def test_another_t_stays_on_the_path(shift, model):
    plan = PLANS["time"](replace(R, model=model, shift=shift))
    last = TINY[model].schedule.T - 1
    told = plan.told(torch.tensor([0, last // 2, last]))
    assert told.min() >= 0 and told.max() <= last and (told[1] == last // 2) == (shift == 0)
    found = changes(ran("time", plan.request), 1)  # in the first frame t is the largest already
    assert bool(found["t1"]) == bool(shift)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", PLANS)
def test_the_announced_calls_are_those_that_are_made(name, guidance, monkeypatch):
    made, predict = [], Digits.predict
    monkeypatch.setattr(Digits, "predict", lambda self, x, t, c: made.append(len(x)) or predict(self, x, t, c))
    blocks("flow-class")
    made.clear()
    plan = PLANS[name](replace(R, guidance=guidance))
    list(plan.run())
    assert (len(made), made[0]) == plan.cost() and len({*made}) == 1


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"prompt": "an apple"}, "draws one digit: write 0 to 9, or nothing, not “an apple”"),
        ({"other": "10"}, "draws one digit"),
        ({"other": "²"}, "draws one digit"),
        ({"prompt": 3}, "must be text"),
        ({"shift": 101}, "The shift of t"),
        ({"steps": 0}, "The steps"),
        ({"guidance": float("nan")}, "The guidance"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, what):
    with pytest.raises(Refused, match=what):
        NetworkRequest.checked(**values)


@pytest.mark.parametrize(
    "model", ["pocket-fast", "if-xl", "classifier", "denoiser", "nothing", None, "flow-class-fast"]
)
def test_other_networks_are_refused(model):
    with pytest.raises(ModelError, match=r"is not shown here|no model called"):
        NetworkRequest.checked(model=model)


def test_a_request_survives_its_settings():
    r = NetworkRequest.checked(prompt="", other=" 5 ", shift=-20, steps=4)
    assert r.other == "5" and NetworkRequest.restored(r.settings()) == r
    assert r.condition("") is None and r.condition("5") == 5


def test_a_network_without_classes_says_so():
    assert "knows no class" in PLANS["prompt"](replace(R, model="flow-time")).caption
    assert "knows no class" not in PLANS["time"](replace(R, model="flow-time")).caption + PLANS["prompt"](R).caption


@pytest.mark.parametrize(
    ("asked", "sampler"),
    [(R, "Euler"), (replace(R, model="ddpm-class"), "DDIM"), (WORDS, "DDIM")],
    ids=("flow", "ddpm", "pocket"),
)
def test_the_caption_names_the_sampler_as_it_is_called_on_the_model_s_path(asked, sampler):
    assert f"; {sampler}, 3 steps; " in PLANS["prompt"](asked).caption


def test_bytes_of_changes():
    assert (as_byte(0.0), as_byte(1.0), as_byte(7.0), as_byte(0.25)) == (0, 255, 255, 128)


def test_its_files_have_the_maps():
    recording = ran("prompt", R)
    tiles = dict(recording.plan.tiles(recording.frames[-1]))
    assert {"x_t", "as-asked", "told-otherwise", "block-up1", "block-c1"} <= {*tiles}
    assert tiles["block-up1"].shape == (2 * 15 - 1, 16 * 15 - 1, 1)
    assert recording.plan.sheet(recording.frames[-1]).shape[1] == 3 * 30 - 2
