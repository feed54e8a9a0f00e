"""Training of students: at first they are their teacher, the loss falls, a stopped run resumes bit for bit."""

import dataclasses
import json

import pytest
import torch

from core.checks import Refused
from core.diffusion.denoiser import Technique
from core.diffusion.guidance import guide
from core.diffusion.sampler_table import generate
from core.models import registry
from core.models.mnist import CLASSES, FLOW, Digits, one_hot
from core.models.mnist_students import ConsistentDigits, FastDigits, StudentUNet
from core.models.mnist_unet import UNet
from training import distil, distil_families, distil_paths, distil_publish, distil_run
from training.distil_paths import Paths
from training.distil_recipes import FAMILIES, RECIPES
from training.distil_run import Run

DIGITS = FAMILIES["flow-class"]
NAMES = pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.family is DIGITS])


def net(hidden: int = 4) -> UNet:
    """A tiny teacher from a seed; its BatchNorm has seen something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = UNet(hidden, time=True, classes=CLASSES)
        made(torch.rand(16, 1, 28, 28), torch.rand(16), torch.rand(16, CLASSES))
    return made.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A tiny teacher, a few digits, few paths, and no classifier."""
    teacher = Digits(net(), "flow")
    for module in (distil_run, distil_paths):
        monkeypatch.setattr(module, "load", lambda name, device: teacher)
    monkeypatch.setattr(distil_families.Digits, "chunk", 6)
    monkeypatch.setattr(distil_families, "quick", lambda *args: {"accuracy": 0.5, "frechet": 1.0})


def drawn(n: int) -> tuple[torch.Tensor, ...]:
    """What the first chunk of seed 0 begins with."""
    return DIGITS.drawn(n, torch.Generator().manual_seed(0))


def paths(teacher: str, folder) -> Paths:
    return Paths(teacher, DIGITS, folder, 0, torch.device("cpu"), False)


def run(name: str, folder, **changes) -> Run:
    """A tiny run in float32 on the CPU."""
    recipe = dataclasses.replace(RECIPES[name], **{"steps": 8, "batch": 6, "chunks": 2, "renew": 3} | changes)
    return Run(recipe, folder / name, 3, torch.device("cpu"), bf16=False)


@NAMES
def test_a_student_begins_as_its_teacher_whatever_its_new_inputs_say(name, tmp_path):
    student, teacher = run(name, tmp_path).net, net()
    x, t, c = torch.randn(5, 1, 28, 28), torch.rand(5), one_hot([0, 3, None, 9, 1])
    w, level = torch.linspace(1, 5, 5), torch.arange(5)
    torch.testing.assert_close(student(x, t, c, w, level), teacher(x, t, c), atol=1e-6, rtol=0)


@pytest.mark.slow
def test_the_new_inputs_matter_once_they_are_trained(tmp_path):
    made = run("flow-class-fast", tmp_path)
    made.train(1e9, 1e9)
    x, t, c = torch.randn(1, 1, 28, 28), torch.rand(1), one_hot([3])
    with torch.no_grad():
        seen = [made.net(x, t, c, torch.tensor([w]), torch.tensor([k])) for w, k in ((1.0, 0), (5.0, 0), (1.0, 4))]
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


@pytest.mark.slow
@NAMES
@pytest.mark.parametrize("optimiser", ["muon", "adam"])
def test_two_steps_lower_the_loss(name, optimiser, tmp_path):
    made = run(name, tmp_path, optimiser=optimiser, lr=3e-3, steps=100)
    first = made.objective

    def same(net, g, k):
        return first(net, torch.Generator().manual_seed(1), 0)

    made.objective, made.rate = same, lambda k: 3e-3
    with torch.no_grad():
        made.net.leave[1].bias.fill_(1.0)  # away from the teacher, which in a tiny network is almost right
    before = made.loss(0).item()
    made.updates = distil_run.train(made.net, [*made.optimisers.values()], made.loss, made.rate)
    for _ in range(2):
        next(made.updates)
    assert made.loss(0).item() < before


@pytest.mark.slow
@NAMES
@pytest.mark.parametrize("stopped_after", [1, 4])
def test_a_stopped_run_resumes_bit_for_bit(name, stopped_after, tmp_path):
    whole = run(name, tmp_path / "whole")
    whole.train(1e9, 1e9)
    run(name, tmp_path / "stopped").train(1e9, 1e9, stop_after=stopped_after)
    resumed = run(name, tmp_path / "stopped")
    assert resumed.step == stopped_after
    resumed.train(1e9, 1e9)
    assert resumed.step == whole.step == 8
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[key]), key
        assert torch.equal(whole.ema.shadow[key], resumed.ema.shadow[key]), key


@pytest.mark.slow
def test_another_recipe_is_not_resumed(tmp_path):
    run("flow-class-fast", tmp_path).train(1e9, 1e9, stop_after=1)
    with pytest.raises(ValueError, match="belongs to another recipe"):
        run("flow-class-fast", tmp_path, lr=0.5)


@pytest.mark.slow
def test_the_number_of_updates_may_change_before_the_rate_falls(tmp_path):
    whole = run("flow-class-fast", tmp_path / "whole", steps=6)
    whole.train(1e9, 1e9)
    run("flow-class-fast", tmp_path / "cut", steps=8).train(1e9, 1e9, stop_after=3)
    cut = run("flow-class-fast", tmp_path / "cut", steps=6)
    cut.train(1e9, 1e9, stop_after=1)
    with pytest.raises(ValueError, match="is past half of its updates"):
        run("flow-class-fast", tmp_path / "cut", steps=7)
    cut.train(1e9, 1e9)
    assert all(torch.equal(v, cut.ema.shadow[k]) for k, v in whole.ema.shadow.items())


@pytest.mark.slow
def test_paths_are_the_teachers_runs_and_are_kept(tmp_path):
    teacher = Digits(net(), "flow")
    (chunk,) = paths("flow-class", tmp_path).upto(1)
    x, labels, w = drawn(6)
    assert torch.equal(chunk["states"][0], x) and torch.equal(chunk["w"], w) and torch.equal(chunk["labels"], labels)
    guided = guide(teacher, w)
    p = guided.predict(x, torch.full((len(x),), 999), guided.encode(labels.tolist()))
    torch.testing.assert_close(chunk["states"][1], x + 0.062 * (p.x_0 - p.eps))  # its first step is Euler's
    (again,) = paths("another", tmp_path / "b").upto(1)
    assert torch.equal(again["states"], chunk["states"])
    with pytest.raises(ValueError, match="belongs to another teacher or seed"):
        paths("another", tmp_path).upto(1)


def test_guidance_scales_are_those_that_students_serve():
    _, _, w = drawn(4000)
    assert w.min() >= 1 and w.max() <= 5 and (w < 2).float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_a_student_that_knows_the_path_has_no_loss(tmp_path):
    made = run("flow-class-fast", tmp_path, batch=40)
    chunks = made.objective.paths.upto(2)
    ends = {}
    for chunk in chunks:
        for k in range(6):
            for level in range(5):
                stride = 16 // 2**level
                for i in range(0, 16, stride):
                    a, b = (chunk["states"][j, k] for j in (i, i + stride))
                    t, t_next = ([*FLOW.timesteps(16), -1][j] for j in (i, i + stride))
                    ends[level, a.sum().item()] = (b - a) / ((t - t_next) / 1000)

    def knowing(x, t, c, w, level):
        return torch.stack([ends[k, row.sum().item()] for k, row in zip(level.tolist(), x, strict=True)])

    loss = made.objective(knowing, torch.Generator().manual_seed(0), 0)
    assert loss.item() < 1e-8


# ---- as Denoisers ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "levels", "sampler"), [(FastDigits, 5, "few-steps"), (ConsistentDigits, 0, "consistency")]
)
def test_students_draw_with_one_call_a_step_and_refuse_the_rest(kind, levels, sampler):
    student = kind(StudentUNet(4, levels).eval().requires_grad_(False), 1)
    calls, forward = [], student.net.forward
    student.net.forward = lambda *args: calls.append(len(args[0])) or forward(*args)
    for steps in kind.counts:
        calls.clear()
        *_, last = generate(student, [1, 2, 3], sampler, steps, 2.0, 7)
        assert calls == [3] * steps and last.x_t.shape == (3, 1, 28, 28)
    for steps in (3, 300):
        with pytest.raises(Refused, match=rf"^This student draws in 1, 2.*, not in {steps}\.$"):
            generate(student, [1], sampler, steps, 2.0, 7)
    for w in (0, 0.5, 5.5):
        with pytest.raises(Refused, match="must be a number from 1 to 5"):
            generate(student, [1], sampler, 1, w, 7)
    with pytest.raises(Refused, match="students of few steps have their own samplers"):
        generate(student, [1], "euler", 4, 1.5, 7)
    (*_, bare), (*_, wrapped) = (generate(m, [1], sampler, 2, 2.0, 7) for m in (student, Technique(student)))
    assert torch.equal(bare.x_t, wrapped.x_t)
    with pytest.raises(Refused, match="guidance inside"):
        guide(student, 2.0)
    with pytest.raises(Refused, match="students of few steps have their own samplers"):
        generate(Digits(net(), "flow"), [1], sampler, 4, 1.5, 7)


def test_a_fast_student_is_not_asked_between_its_steps():
    student = FastDigits(StudentUNet(4, 5).eval().requires_grad_(False), 4)
    with pytest.raises(Refused, match="must start each of them where it learned to"):
        student.predict(torch.zeros(1, 1, 28, 28), torch.tensor([600]), student.encode([1]))


@pytest.mark.slow
@NAMES
def test_publishing_writes_a_student_that_loads(name, tmp_path, monkeypatch):
    made = run(name, tmp_path / "work")
    made.train(1e9, 1e9)
    monkeypatch.setattr(distil_publish.provenance, "write", lambda folder: None)
    card = distil_publish.publish(made, tmp_path)
    model = registry.load(name, "cpu", tmp_path)
    assert card == json.loads((tmp_path / name / "card.json").read_text()) | {"recipe": card["recipe"]}
    assert set(card["metrics"]["quick_by_steps_300"]) == {str(n) for n in model.counts}
    assert card["command"].startswith(f"python -m training.distil {name} --steps 8 --batch 6")
    made.net.load_state_dict(made.ema.shadow)
    x, t, c = torch.randn(2, 1, 28, 28), torch.rand(2), torch.zeros(2, 10)
    inputs = x, t, c, torch.ones(2), torch.ones(2, dtype=torch.long)
    with torch.no_grad():
        torch.testing.assert_close(model.net(*inputs), made.net(*inputs), atol=2e-2, rtol=0)


def test_a_missing_teacher_is_one_sentence(tmp_path, monkeypatch):
    from core.checks import ModelError

    def missing(name, device):
        raise ModelError(f"The model {name} is not here.")

    monkeypatch.setattr(distil_run, "load", missing)
    with pytest.raises(SystemExit, match=r"^The model flow-class is not here\.$"):
        distil.main(["flow-class-fast", "--device", "cpu", "--work", str(tmp_path)])
