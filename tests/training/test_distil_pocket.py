"""Distillation of pocket: its student begins as its teacher, learns, resumes bit for bit, and is published in shards."""

import dataclasses
import json

import pytest
import torch
from toys import ONLY, SHAPE, tiny_pocket

from core.checks import Refused
from core.diffusion.guidance import bounded, guide
from core.diffusion.samplers import adams, ddim
from core.diffusion.students import guided
from core.diffusion.visits import visits_each, visits_together
from core.models import registry
from core.models.captions import LENGTH
from core.models.pocket import SCHEDULE
from core.models.pocket_students import COUNTS, FastPocket, student_net
from training import distil_paths, distil_pocket, distil_publish, distil_run, publish_pocket
from training.distil_paths import Paths
from training.distil_recipes import FAMILIES, RECIPES
from training.distil_run import Run

POCKET = FAMILIES["pocket"]


class Prompts:
    """Two captions in turn, and none."""

    vocabulary = tiny_pocket().vocabulary

    def drawn(self, n, g):
        return [("an emoji of a penguin", "a photo of a lighthouse", "")[k % 3] for k in range(n)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A tiny teacher, few and short paths, and prompts without data sets."""
    teacher = tiny_pocket()
    about = {"architecture": SHAPE | {"words": teacher.vocabulary.words}, "seen_only_in": ONLY, "limits": "none"}
    for module in (distil_run, distil_paths):
        monkeypatch.setattr(module, "load", lambda name, device: teacher)
    monkeypatch.setattr(distil_pocket, "card", lambda name: about)
    monkeypatch.setattr(distil_pocket, "prompts", Prompts)
    monkeypatch.setattr(distil_pocket, "SHOWN", 2)
    monkeypatch.setattr(distil_pocket.Pocket, "chunk", 4)
    monkeypatch.setattr(distil_pocket.Pocket, "teacher_steps", 8)
    return teacher


def run(folder, **changes) -> Run:
    """A tiny run in float32 on the CPU."""
    recipe = dataclasses.replace(RECIPES["pocket-fast"], **{"steps": 4, "batch": 4, "chunks": 2, "renew": 3} | changes)
    return Run(recipe, folder / "pocket-fast", 3, torch.device("cpu"), bf16=False)


def student(steps=4, guidance=3.0) -> FastPocket:
    """A student that is its tiny teacher yet."""
    teacher = tiny_pocket()
    net = student_net(SHAPE, len(teacher.vocabulary))
    net.load_state_dict(teacher.net.state_dict(), strict=False)
    return FastPocket(net.eval(), teacher.vocabulary, steps=steps, guidance=guidance)


def test_it_begins_as_its_teacher_whatever_its_new_inputs_say(tmp_path, small):
    x, t = torch.randn(3, 3, 64, 64), torch.tensor([999, 500, 100])
    text = small.encode(["a penguin", None, "a lighthouse"])
    made = run(tmp_path).net(x, t, text, torch.tensor([1.0, 3.0, 8.0]), torch.tensor([0, 1, 3]))
    torch.testing.assert_close(made, small.net(x, t, text))


@pytest.mark.slow
def test_its_paths_are_the_teacher_s_guided_and_clipped_run(tmp_path, small):
    paths = Paths("pocket", POCKET, tmp_path, 0, torch.device("cpu"), False)
    (chunk,) = paths.upto(1)
    x, labels, w = POCKET.drawn(4, torch.Generator().manual_seed(0))
    teacher = bounded(guide(small, w))
    cond = teacher.encode(Prompts().drawn(4, None))
    *_, last = adams(teacher, x, visits_together(SCHEDULE.timesteps(8), 4), cond)
    assert chunk["states"].shape == (9, 4, 3, 64, 64) and chunk["states"].dtype == torch.float16
    torch.testing.assert_close(chunk["states"][-1].float(), last.x_t, atol=2e-3, rtol=0)
    assert torch.equal(chunk["labels"], labels) and labels.shape == (4, LENGTH) and torch.equal(chunk["w"], w)


def test_guidance_scales_are_those_that_it_serves():
    w = POCKET.scale(4000, torch.Generator().manual_seed(0))
    assert w.min() >= 1 and w.max() <= 8 and (w < 2.75).float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_a_student_that_knows_the_path_has_no_loss(tmp_path):
    """The target of every step, of any size at any place, is the v for which DDIM's step ends on the path."""
    made = run(tmp_path, batch=30)
    ends = {}
    for chunk in made.paths.upto(2):
        states = chunk["states"].float()
        for level, n in enumerate(COUNTS):
            visits = [*SCHEDULE.timesteps(n), -1]
            for i in range(n):
                here, there = (states[j * 8 // n] for j in (i, i + 1))
                t, t_next = (torch.full((4,), visits[j]) for j in (i, i + 1))
                (a, s), (b, r) = SCHEDULE.at(t, here), SCHEDULE.at(t_next, here)
                x_0 = (s * there - r * here) / (b * s - a * r)
                v = (a * here - x_0) / s
                ends |= {(level, *x[:, 0, 0].tolist()): y for x, y in zip(here, v, strict=True)}

    def knowing(x, t, text, w, level):
        return torch.stack([ends[(k, *row[:, 0, 0].tolist())] for k, row in zip(level.tolist(), x, strict=True)])

    knowing.encoder = made.net.encoder
    assert made.objective(knowing, torch.Generator().manual_seed(0), 0).item() < 1e-6


@pytest.mark.slow
def test_training_lowers_the_loss_and_leaves_the_text_encoder_as_it_is(tmp_path):
    made = run(tmp_path, lr=3e-3, steps=100)
    before = {k: v.clone() for k, v in made.net.encoder.state_dict().items()}
    first = made.objective
    made.objective, made.rate = (lambda net, g, k: first(net, torch.Generator().manual_seed(1), 0)), lambda k: 3e-3
    loss = made.loss(0).item()
    for _ in range(2):
        next(made.updates)
    assert made.loss(0).item() < loss
    assert all(torch.equal(v, made.net.encoder.state_dict()[k]) for k, v in before.items())


@pytest.mark.slow
def test_a_stopped_run_resumes_bit_for_bit(tmp_path):
    whole = run(tmp_path / "whole")
    whole.train(1e9, 1e9)
    run(tmp_path / "stopped").train(1e9, 1e9, stop_after=1)
    resumed = run(tmp_path / "stopped")
    resumed.train(1e9, 1e9)
    assert resumed.step == whole.step == 4
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[key]), key
        assert torch.equal(whole.ema.shadow[key], resumed.ema.shadow[key]), key


@pytest.mark.slow
def test_publishing_writes_files_under_10_mb_that_load(tmp_path, monkeypatch):
    made = run(tmp_path / "work")
    made.train(1e9, 1e9)
    monkeypatch.setattr(distil_publish.provenance, "write", lambda folder: None)
    for module in (distil_publish, publish_pocket):
        monkeypatch.setattr(module, "SHARD", 20_000)
    card = distil_publish.publish(made, tmp_path)
    kept = json.loads((tmp_path / "pocket-fast" / "card.json").read_text())
    assert kept["seen_only_in"] == ONLY and len(kept["sha256"]) > 1
    assert set(card["metrics"]["psnr_to_the_teacher_by_steps"]) == {"1", "2", "4", "8"}
    assert (made.folder / "sheet-000004.png").exists()
    model = registry.load("pocket-fast", "cpu", tmp_path)
    assert isinstance(model, FastPocket) and model.vocabulary.words == Prompts.vocabulary.words
    made.net.load_state_dict(made.ema.shadow)
    x, t, text = torch.randn(1, 3, 64, 64), torch.tensor([999]), torch.randn(1, LENGTH, SHAPE["text"])
    inputs = x, t, text, torch.ones(1), torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        torch.testing.assert_close(model.net(*inputs), made.net(*inputs), atol=2e-2, rtol=2e-2)


# ---- as a Denoiser ----


@pytest.mark.slow
def test_it_draws_with_one_call_a_step():
    for steps in COUNTS:
        model, calls = student(steps), []
        model.net.register_forward_hook(lambda net, args, out, calls=calls: calls.append(len(args[0])))
        *_, last = ddim(
            model,
            torch.randn(2, 3, 64, 64),
            visits_together(SCHEDULE.timesteps(steps), 2),
            model.encode(["a rose", None]),
        )
        assert calls == [2] * steps and last.x_t.shape == (2, 3, 64, 64)


@pytest.mark.slow
def test_pictures_with_their_own_steps_and_guidance_are_those_drawn_alone():
    x = torch.randn(3, 3, 64, 64)
    steps, w = torch.tensor([1, 2, 8]), torch.tensor([1.0, 2.5, 8.0])
    base = student()
    torch.nn.init.normal_(base.net.inputs[-1].weight, generator=torch.Generator().manual_seed(0))
    model = guided(base, steps, w)
    visits = visits_each([SCHEDULE.timesteps(n) for n in steps.tolist()])
    *_, last = ddim(model, x, visits, model.encode(["a penguin"] * 3))
    for k in range(3):
        alone = guided(base, int(steps[k]), float(w[k]))
        run = ddim(
            alone, x[k : k + 1], visits_together(SCHEDULE.timesteps(int(steps[k])), 1), alone.encode(["a penguin"])
        )
        *_, one = run
        torch.testing.assert_close(last.x_t[k], one.x_t[0], atol=1e-4, rtol=1e-4)


def test_what_it_did_not_learn_is_refused_in_one_sentence():
    model = student(4)
    for steps in (3, 16, 30):
        with pytest.raises(Refused, match=rf"^This student draws in 1, 2, 4 or 8 steps, not in {steps}\.$"):
            guided(model, steps, 3.0)
    for w in (0.0, 9.0):
        with pytest.raises(Refused, match="must be a number from 1 to 8"):
            guided(model, 4, w)
    with pytest.raises(Refused, match="no negative prompt"):
        guided(model, 4, 3.0, negative="a dog")
    with pytest.raises(Refused, match="guidance inside"):
        guide(model, 3.0)
    with pytest.raises(Refused, match="must start each of them where it learned to"):
        model.predict(torch.zeros(1, 3, 64, 64), torch.tensor([600]), model.encode([None]))


def test_its_attention_can_be_watched():
    model, seen = student(1), []

    def hook(name, attend, q, k, v):
        seen.append(k.shape[2])
        return attend(q, k, v)

    model.watched(hook).predict(torch.zeros(1, 3, 64, 64), torch.tensor([999]), model.encode(["a penguin"]))
    assert seen and set(seen) == {LENGTH}  # the words alone, not the row with the guidance
    seen.clear()
    model.predict(torch.zeros(1, 3, 64, 64), torch.tensor([999]), model.encode(["a penguin"]))
    assert not seen
