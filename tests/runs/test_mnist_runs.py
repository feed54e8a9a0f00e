"""Requests, their cost, the recording of a run, and the registry's sentences."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from toys import played

from core.checks import ModelError, Refused
from core.diffusion.denoiser import NETWORK_LOCK
from core.diffusion.guidance import autoguide, guide
from core.diffusion.noise import generators, randn
from core.diffusion.paths import on_path
from core.diffusion.sampler_table import SAMPLERS, evaluations, generate, samplers_for
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models import registry
from core.models.mnist import Classifier, Digits
from core.models.mnist_unet import UNet
from core.models.registry import MODELS
from core.pictures.images import to_uint8
from core.runs import cost
from core.runs.guided_digits import WEAKER_SHARE
from core.runs.mnist import PLANS, DigitRequest, flow_clock, read
from core.runs.recording import MAX_FRAMES, Recording
from core.runs.single_step import mean_of_answers


@pytest.fixture(scope="module")
def model():
    """A tiny untrained DDPM."""
    net = UNet(4, True, 10).eval().requires_grad_(False)
    return Digits(net, "ddpm")


def test_without_classes_guidance_leads_away_from_a_weaker_network(monkeypatch):
    nets = {"ddpm-time": Digits(UNet(4, True).eval(), "ddpm"), "flow-small": Digits(UNet(4, True, 10).eval(), "flow")}
    monkeypatch.setattr("core.runs.guided_digits.load", lambda name, device="auto", folder=None: nets[name])
    r = DigitRequest.checked(digits="38", each=1, model="ddpm-time", sampler="ddim", steps=4, guidance=3)
    weak = on_path(guide(nets["flow-small"], 0.0), nets["ddpm-time"].schedule)
    ends = {w: [*dataclasses.replace(r, guidance=w).run("cpu")][-1].x_t for w in (0, 1, 3)}
    for w, by_hand in ((0, weak), (1, nets["ddpm-time"]), (3, autoguide(nets["ddpm-time"], weak, 3.0))):
        *_, last = generate(by_hand, [3, 8], "ddim", 4, 1.0, r.seed)
        torch.testing.assert_close(ends[w], last.x_t)
    assert "autoguidance 3, away from flow-small; " in r.about
    assert "no class, ddpm-time alone; " in dataclasses.replace(r, guidance=1).about
    assert "no class, flow-small alone; " in dataclasses.replace(r, guidance=0).about
    assert r.cost() == (4, 2 * (1 + WEAKER_SHARE)) and dataclasses.replace(r, guidance=1).cost() == (4, 2)
    assert dataclasses.replace(r, guidance=0).cost() == (4, 2 * WEAKER_SHARE), "the weaker one alone is asked"
    remarks = [PLANS["digits"](dataclasses.replace(r, guidance=w)).remark for w in (0, 1, 2)]
    assert remarks == ["; an image of the smaller flow-small counts as 0.3", "", remarks[0]]
    assert not PLANS["digits"](DigitRequest(guidance=2)).remark, "with classes nothing is weighed"


def test_every_model_without_classes_has_its_own_scale():
    for name in ("ddpm-time", "flow-time"):
        model = MODELS[name]
        assert model.guided and not model.conditional and DigitRequest.of(name).guidance == model.guidance > 1
        assert MODELS[model.weaker].task == "digits" and MODELS[model.weaker].conditional


def test_a_request_is_cleaned_and_laid_out():
    r = DigitRequest.checked(digits=" 510-12 34 ", each=3.0)
    assert (r.digits, r.each, r.columns) == ("5101234", 3, 7)
    assert r.labels == [5, 1, 0, 1, 2, 3, 4] * 3
    assert DigitRequest.checked(digits="7", each=25).columns == 10
    assert DigitRequest.restored(json.loads(json.dumps(r.settings()))) == r


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"digits": "a"}, "Type digits"),
        ({"digits": None}, "Type digits"),
        ({"digits": "١٢"}, "Type digits"),
        ({"each": 0}, "number of each digit must be a whole number"),
        ({"each": 11}, "110 pictures; at most 100"),
        ({"steps": 0}, "number of steps with Euler must be a whole number from 1 to 300"),
        ({"steps": 2.5}, "number of steps"),
        ({"guidance": math.nan}, "guidance must be a number from 0 to 10"),
        ({"guidance": "much"}, "guidance must be"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2147483647"),
        ({"seed": 2**40}, "seed must be"),
        ({"seed": None}, "seed must be"),
        ({"sampler": "ddim"}, "sampler for flow-class must be one of euler, heun"),
        ({"sampler": "ddpm", "model": "ddpm-class"}, "takes exactly 300 steps"),
    ],
)
def test_bad_values_get_one_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        DigitRequest.checked(**bad)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"steps": 3}, r"number of steps with Few steps, distilled must be 1, 2, 4, 8 or 16\.$"),
        ({"steps": 300}, r"number of steps with Few steps, distilled must be 1, 2, 4, 8 or 16\.$"),
        ({"guidance": 0.5}, r"guidance with Few steps, distilled must be a number from 1 to 5\.$"),
        ({"guidance": 5.5}, r"guidance with Few steps, distilled must be a number from 1 to 5\.$"),
        ({"sampler": "euler"}, r"sampler for flow-class-fast must be one of few-steps\.$"),
        ({"sampler": "consistency"}, "sampler for flow-class-fast must be one of few-steps"),
        ({"model": "flow-class-consistency", "sampler": "consistency-same", "steps": 8}, "must be 1, 2 or 4"),
        ({"model": "flow-class"}, "sampler for flow-class must be one of euler, heun"),
    ],
)
def test_what_a_student_did_not_learn_is_refused_in_one_sentence(bad, sentence, monkeypatch):
    monkeypatch.setattr("core.runs.mnist.availability", lambda name: (True, "Ready."))
    student = {"model": "flow-class-fast", "sampler": "few-steps", "steps": 4}
    assert DigitRequest.checked(**student).cost() == (4, 20)  # no second half for guidance
    with pytest.raises(Refused, match=sentence) as error:
        DigitRequest.checked(**student | bad)
    assert "\n" not in str(error.value)


def test_unknown_and_unfit_models():
    with pytest.raises(ModelError, match="no model called"):
        DigitRequest.checked(model="x")
    with pytest.raises(ModelError, match="does not generate"):
        DigitRequest.checked(model="classifier")


@pytest.mark.parametrize("name", [m.name for m in MODELS.values() if m.task == "digits"])
def test_every_model_has_a_default_request_that_passes_its_own_check(name):
    r = DigitRequest.of(name)
    assert r.sampler in samplers_for(MODELS[name].sampled)
    low, _, high = SAMPLERS[r.sampler].steps
    assert low <= r.steps <= high


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 7), ("ddpm-strided", 5), ("heun", 4)])
def test_the_cost_told_is_the_number_of_calls_made(model, monkeypatch, sampler, steps):
    calls, predict = [], Digits.predict
    monkeypatch.setattr(Digits, "predict", lambda self, x, t, c: calls.append(len(x)) or predict(self, x, t, c))
    list(generate(model, [1, 2, 3], sampler, steps, 2.0, 0))
    expected, images = evaluations(sampler, steps, 2.0, 3)
    assert calls == [images] * expected
    assert evaluations("ddim", 7, 1, 3) == (7, 3) and evaluations("heun", 4, 1.5, 3) == (7, 6)


def test_the_cost_line_reads_well_and_learns(monkeypatch):
    assert cost.sentence(1, 1, 0.03) == "1 network call on 1 image, about 0.1 s"
    assert "(with the prompt and with the negative one)" in cost.sentence(9, 8, 3, 2.0, negative=True)
    partly = "9 network calls on 1 image each, on 2 where guidance is on (with and without the prompt), about 3 s"
    assert cost.sentence(9, 1, 3, 2.0, partly=True) == partly
    assert cost.sentence(9, 8, 3, 1.0, partly=True) == cost.sentence(9, 8, 3)
    assert cost.sentence(9, 8, 3, 1.0, negative=True) == cost.sentence(9, 8, 3)
    assert cost.sentence(9, 8, 3, 2.0) == "9 network calls on 8 images each (with and without the prompt), about 3 s"
    assert cost.sentence(20, 40, 3.2) == "20 network calls on 40 images each, about 3 s"
    monkeypatch.setattr(cost, "_line", lambda name, device: (0.0, 0.01))
    monkeypatch.setattr(cost, "_correction", {})
    assert cost.seconds("flow-class", "cpu", 20, 10) == pytest.approx(2.0)
    for _ in range(12):
        cost.learn("flow-class", "cpu", 20, 10, 4.0)
    assert cost.seconds("flow-class", "cpu", 20, 10) == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize("n", [1, 2, 20, 60, 61, 100, 300])
def test_a_recording_keeps_first_last_and_few(n):
    x = torch.rand(1, 1, 28, 28)
    steps = [Step(i, n, torch.tensor([n - 1 - i]), x, x) for i in range(n + 1)]
    recording = Recording(played())
    assert list(recording.follow(steps)) == steps
    kept = [f.i for f in recording.frames]
    assert kept[0] == 0 and kept[-1] == n and len(kept) == min(n + 1, MAX_FRAMES) == len(set(kept))
    assert recording.done and recording.result.shape == (1, 28, 28, 1)


def test_picture_k_is_seed_plus_k_alone(model):
    *_, batch = generate(model, [4, 4, 4], "ddpm-strided", 5, 1.0, 10)
    *_, alone = generate(model, [4], "ddpm-strided", 5, 1.0, 12)
    assert torch.allclose(batch.x_t[2:], alone.x_t, atol=1e-5)


@pytest.mark.parametrize(("path", "left"), [("ddpm", 0.22), ("flow", 0.0)])
def test_a_run_on_a_mean_starts_with_as_much_of_it_as_the_path_leaves(path, left):
    denoiser = Digits(UNet(4, True, 10).eval().requires_grad_(False), path)
    mean = torch.rand(denoiser.shape, generator=torch.Generator().manual_seed(1))
    sampler = next(iter(samplers_for(path)))
    plain, on_it = (
        next(generate(denoiser, [0, 1], sampler, SAMPLERS[sampler].steps[0], 1.0, 5, m)).x_t for m in (None, mean)
    )
    a, s = denoiser.schedule.at(torch.tensor([denoiser.schedule.T - 1]), plain)
    assert a.item() == pytest.approx(left, abs=0.01)
    torch.testing.assert_close(on_it, a * mean + s * plain if left else plain)


def test_the_start_on_the_mean_digit_is_said_and_is_that_of_ddpm_alone(monkeypatch):
    on_it = DigitRequest.checked(model="ddpm-time", sampler="ddim", start="mean")
    assert on_it.about.endswith("seed 180, on the mean digit.") and on_it.on_the_mean
    flow = DigitRequest.checked(start="mean")
    assert not flow.on_the_mean and "mean digit" not in flow.about
    with pytest.raises(Refused, match="start"):
        DigitRequest.checked(start="the mean")
    monkeypatch.setattr("core.runs.mnist.availability", lambda name: (name != "denoiser-noise", f"Missing: {name}."))
    with pytest.raises(ModelError, match=r"^Missing: denoiser-noise\.$"):
        DigitRequest.checked(start="mean")


@pytest.mark.slow
def test_a_run_on_the_mean_digit_starts_from_what_the_denoiser_of_pure_noise_answers():
    first = next(
        DigitRequest.checked(digits="01", each=1, model="ddpm-time", sampler="ddim", steps=2, start="mean").run("cpu")
    )
    plain = next(DigitRequest.checked(digits="01", each=1, model="ddpm-time", sampler="ddim", steps=2).run("cpu"))
    added = (first.x_t - math.sqrt(1 - 0.2192**2) * plain.x_t) / 0.2192
    torch.testing.assert_close(added, mean_of_answers("cpu").expand_as(added), atol=0.01, rtol=0)
    assert 0.05 < mean_of_answers("cpu").mean() < 0.25 and mean_of_answers("cpu")[0, 12:16, 12:16].mean() > 0.3


@pytest.mark.parametrize(("sampler", "eta"), [("ddim", 0.0), ("ddpm", 1.0), ("ddpm-strided", 1.0), ("euler", 0.0)])
def test_every_sampler_has_the_noise_on_the_way_that_its_name_says(model, sampler, eta):
    *_, found = generate(model, [3, 8], sampler, 4, 2.0, 7)
    source = generators(7, 2)
    x, cond = randn((2, 1, 28, 28), source), model.encode([3, 8])
    visits = visits_together(model.schedule.timesteps(4), 2)
    *_, expected = ddim(guide(model, 2.0), x, visits, cond, source, eta)
    assert torch.equal(found.x_t, expected.x_t)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flow-class", "ddpm-class"])
def test_the_shipped_models_draw_the_digits_that_were_asked_for(name):
    if not all(registry.availability(n)[0] for n in (name, "classifier")):
        pytest.skip(f"{name} or the classifier is not in checkpoints/")
    request = dataclasses.replace(DigitRequest.of(name), each=1)
    *_, end = request.run("cpu")
    assert request.steps == 20 and read(to_uint8(end.x_t), "cpu") == request.digits == "0123456789"


def test_a_damaged_card_and_a_missing_checkpoint(tmp_path):
    folder = tmp_path / "checkpoints"
    (folder / "ddpm-class").mkdir(parents=True)
    assert registry.availability("ddpm-class", folder)[0] is False
    (folder / "ddpm-class" / "card.json").write_text("{")
    with pytest.raises(ModelError, match="card of ddpm-class is damaged"):
        registry.load("ddpm-class", "cpu", folder)


@pytest.mark.parametrize("name", [m.name for m in MODELS.values() if m.family == "digits"])
def test_every_shipped_card_tells_what_people_need(name):
    if not registry.availability(name)[0]:
        pytest.skip(f"{name} is not in checkpoints/")
    card = registry.card(name)
    for key in ("architecture", "recipe", "seed", "device", "date", "curve", "validation", "metrics", "sha256", "data"):
        if key == "seed":
            assert type(card[key]) is int
        else:
            assert card[key] or (key == "validation" and name == "gan")  # its losses hold nothing out
    assert registry.weights(name)
    if name == "classifier":
        assert card["metrics"]["test_accuracy"] >= 0.993
    assert MODELS[name].name == card["name"]


def test_the_classifier_has_the_device_to_itself_while_it_reads(monkeypatch):
    inner, alone = Classifier.features, []
    monkeypatch.setattr(Classifier, "features", lambda net, x: alone.append(NETWORK_LOCK.locked()) or inner(net, x))
    assert len(read(np.zeros((3, 28, 28, 1), np.uint8), "cpu")) == 3
    assert alone == [True] and not NETWORK_LOCK.locked()


@pytest.mark.parametrize(("model", "words"), [("flow-class", "τ = 0.25"), ("ddpm-class", "")])
def test_the_time_of_flow_matching_stands_beside_the_timestep(model, words):
    assert flow_clock(model, 749) == words
