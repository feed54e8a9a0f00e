"""Classifier guidance beside classifier-free guidance: which row is drawn by whom, from which noise, and what is said of it."""

import numpy as np
import pytest
import torch

from core.checks import ModelError, Refused
from core.diffusion.guidance import autoguide, guide
from core.diffusion.paths import on_path
from core.diffusion.sampler_table import generate
from core.models.mnist import DDPM, Classifier, Digits
from core.models.mnist_unet import UNet
from core.models.noisy_classifier import NoisyClassifier
from core.runs import digit_guides, guided_digits, guides
from core.runs.digit_guides import FAINT, log_prob, slope_in_colour
from core.runs.guides import PLANS, SCALES, SLOPE, WEAKER, GuidesRequest

R = GuidesRequest("307", steps=5, seed=3)


@pytest.fixture(autouse=True)
def models(monkeypatch):
    """Tiny networks in the place of the shipped ones; the judge reads a 3 everywhere."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        made = {
            "ddpm-time": Digits(UNet(4, time=True).eval(), "ddpm"), "flow-time": Digits(UNet(4, time=True).eval(), "flow"),
            "ddpm-class": Digits(UNet(4, True, 10).eval(), "ddpm"), "flow-class": Digits(UNet(4, True, 10).eval(), "flow"),
            "flow-small": Digits(UNet(4, True, 10).eval(), "flow"),
            "classifier": Classifier(4).eval(), "classifier-noisy": NoisyClassifier(4).eval(),
        }  # fmt: skip
        made["classifier-noisy"].classify.weight.mul_(100_000)  # an untrained one is not sure enough to be seen
    for module in (guides, digit_guides, guided_digits):
        monkeypatch.setattr(module, "load", lambda name, device="auto", folder=None: made[name])
    monkeypatch.setattr(guides, "availability", lambda name: (True, "Ready."))
    monkeypatch.setattr(guides, "read", lambda pixels, device="auto": "3" * len(pixels))
    return made


def last(plan) -> torch.Tensor:
    """The result (rows, columns, 28, 28) of a run."""
    *_, step = plan.run("cpu")
    return step.x_0[:, 0].unflatten(0, (len(plan.down), plan.columns))


def test_the_rows_without_the_classifier_are_those_models_alone(models):
    rows = last(PLANS["guides"](R))
    *_, plain = generate(models["ddpm-time"], [None] * 3, "ddim", 5, 1.0, 3)
    *_, cfg = generate(models["ddpm-class"], [3, 0, 7], "ddim", 5, 2.5, 3)
    torch.testing.assert_close(rows[0], plain.x_t[:, 0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rows[3], cfg.x_t[:, 0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("path", ["ddpm", "flow"])
@pytest.mark.parametrize("guide", guides.GUIDES)
def test_the_classifiers_row_moves_with_its_scale_alone(path, guide):
    still, moved = (
        last(PLANS["guides"](GuidesRequest("307", s, guide=guide, path=path, steps=5))) for s in (0.0, 10.0)
    )
    torch.testing.assert_close(still[0], still[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(moved[0], moved[1], atol=1e-3)
    for row in (0, 3):
        assert torch.equal(still[row], moved[row])


def test_the_gradient_is_that_of_the_class_asked_for_at_the_state_shown(models):
    plan = PLANS["guides"](R)
    step = list(plan.run("cpu"))[2]
    k = 1 * 3 + 2  # the classifier's row, the column of the 7
    x = step.x_t[k, :1][None].requires_grad_()
    log_p = log_prob("classifier-noisy", DDPM, torch.tensor([7]))(x, step.t[:1])
    grad = torch.autograd.grad(log_p.sum(), x)[0]
    torch.testing.assert_close(step.x_0[k + 3], slope_in_colour(grad)[0], atol=2 / 255, rtol=0)
    torch.testing.assert_close(step.x_t[k + 3], step.x_t[k])


def test_a_gradient_has_its_own_full_colour_unless_it_is_faint():
    g = torch.zeros(3, 1, 2, 2)
    g[0, 0, 0, 0], g[1, 0, 0, 0], g[2, 0, 0, 0] = 5.0, 0.05, FAINT / 100
    strong, weak, faint = slope_in_colour(g)[:, :, 0, 0]
    assert torch.equal(strong, weak) and (faint - slope_in_colour(g)[0, :, 1, 1]).abs().max() < 0.03


def test_the_announced_images_are_those_that_are_made(models):
    made, nets = [], [models[n].net for n in ("ddpm-time", "ddpm-class")]
    hooks = [net.register_forward_hook(lambda net, args, out: made.append(len(args[0]))) for net in nets]
    for plan in (PLANS["guides"](R), PLANS["by-scale"](R)):
        made.clear()
        list(plan.run("cpu"))
        calls, images = plan.cost()
        assert calls == 5 and sum(made) == pytest.approx(calls * images)
    for hook in hooks:
        hook.remove()


@pytest.mark.slow
def test_a_column_per_scale_from_one_noise(models):
    plan = PLANS["by-scale"](R)
    first, *_ = plan.run("cpu")
    assert plan.across == [f"{s:g}" for s in SCALES] and all(torch.equal(first.x_t[0], x) for x in first.x_t)
    rows = last(plan)
    k = SCALES.index(4.0)
    *_, cfg = generate(models["ddpm-class"], [3], "ddim", 5, 4.0, 3)
    torch.testing.assert_close(rows[2, k], cfg.x_t[0, 0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(rows[1, 0], rows[2, SCALES.index(1.0)], atol=1e-4, rtol=1e-4)  # scale 0 is w = 1


@pytest.mark.parametrize("path", ["ddpm", "flow"])
def test_a_row_per_scale_of_autoguidance(models, path):
    plan = PLANS["by-weaker"](GuidesRequest("00", path=path, steps=5, seed=3))
    rows, strong = last(plan), models[f"{path}-time"]
    weak = on_path(guide(models["flow-small"], 0.0), strong.schedule)
    for row, w in zip(rows, WEAKER, strict=True):
        *_, drawn = generate(autoguide(strong, weak, w), [None] * 2, {"ddpm": "ddim", "flow": "euler"}[path], 5, 1.0, 3)
        torch.testing.assert_close(row, drawn.x_t[:, 0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(rows[1], rows[2], atol=1e-3)
    assert plan.down[:2] == ["flow-small alone", f"{path}-time alone"] and plan.across == ["seed 3", "seed 4"]
    assert plan.under(np.zeros((plan.count, 28, 28, 3), np.uint8)) == ["3"] * 10, "no class is asked for: none is wrong"


def test_the_weaker_network_costs_a_share_of_an_image(models):
    made = dict.fromkeys(("flow-time", "flow-small"), 0)
    hooks = [
        models[name].net.register_forward_hook(
            lambda net, args, out, name=name: made.update({name: made[name] + len(out)})
        )
        for name in made
    ]
    plan = PLANS["by-weaker"](GuidesRequest("000", path="flow", steps=5))
    list(plan.run("cpu"))
    assert plan.cost() == (5, pytest.approx((made["flow-time"] + guided_digits.WEAKER_SHARE * made["flow-small"]) / 5))
    for hook in hooks:
        hook.remove()


def test_what_the_judge_reads_stands_under_the_digits_and_is_counted():
    plan = PLANS["guides"](R)
    pixels = np.zeros((plan.count, 28, 28, 3), np.uint8)
    assert list(plan.under(pixels)) == ["3 ✓", "3 ✗", "3 ✗"] * 2 + [""] * 3 + ["3 ✓", "3 ✗", "3 ✗"]
    assert plan.judged(pixels, "cpu") == "Read as asked, of 3 — no guidance: 1; classifier × 10: 1; CFG, w = 2.5: 1."


def test_only_the_gradients_are_no_pictures_of_a_model():
    plan = PLANS["guides"](R)
    assert [k for k in range(plan.count) if k not in plan.ours] == [6, 7, 8] and plan.down[2] == SLOPE
    assert plan.inner_titles(0) != plan.inner_titles(6)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"scale": 11}, "The classifier scale must be a number from 0 to 10"),
        ({"scale": float("nan")}, "The classifier scale"),
        ({"guidance": 0.2}, "The guidance must be a number from 0.5 to 4"),
        ({"digits": "12345678901"}, "at most 10 digits"),
        ({"digits": "x"}, "Type digits from 0 to 9"),
        ({"digits": ""}, "Type digits from 0 to 9"),
        ({"guide": "photo-classifier"}, "The guiding classifier"),
        ({"path": "pocket"}, "The path"),
        ({"steps": 1}, "The steps"),
        ({"seed": -1}, "The seed"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(changed, what):
    with pytest.raises(Refused, match=what):
        GuidesRequest.checked(**changed)


def test_a_missing_classifier_is_named(monkeypatch):
    monkeypatch.setattr(guides, "availability", lambda name: (name != "classifier-noisy", f"{name} is not here."))
    with pytest.raises(ModelError, match=r"classifier-noisy is not here\."):
        GuidesRequest.checked()
    assert GuidesRequest.checked(guide="classifier").guide == "classifier"


def test_the_caption_says_when_the_judge_is_the_guide_itself():
    said = {guide: PLANS["guides"](GuidesRequest(guide=guide)).caption for guide in guides.GUIDES}
    assert "here the guide itself" in said["classifier"] and "another classifier" in said["classifier-noisy"]
    assert "gradient" in said["classifier"] and "gradient" not in PLANS["by-scale"](R).caption


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_without_measurements_there_are_none(text, tmp_path, monkeypatch):
    file = tmp_path / "guides.json"
    file.write_text(text)
    monkeypatch.setattr(guides, "FILE", file)
    assert guides.measured() == []
