"""Seeds: within bounds, one stream per sample, drawn on the CPU, and never from the global generator."""

import ast
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.guidance import classifier_guide, dynamic_threshold, guide
from core.diffusion.noise import MAX_SEED, branch, generator, generators, lerp, randn, slerp
from core.diffusion.samplers import ddim, heun
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together

CORE = sorted((Path(__file__).parents[2] / "core").rglob("*.py"))
DRAWS = {"rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "normal", "bernoulli"}
IN_PLACE = {"normal_", "uniform_", "bernoulli_", "exponential_", "random_"}


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_out_of_bounds(seed):
    with pytest.raises(ValueError, match=f"from 0 to {MAX_SEED}, not {seed}"):
        generator(seed)
    with pytest.raises(ValueError, match="seed"):
        generators(seed, 2)


@pytest.mark.parametrize("seed", [0, 7, MAX_SEED])
def test_a_seed_is_that_of_torch(seed):
    assert torch.equal(randn((2, 3), generator(seed)), torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)))


def test_a_batch_of_seeds_counts_up_and_wraps():
    seeds = [g.initial_seed() for g in generators(MAX_SEED - 1, 3)]
    assert seeds == [MAX_SEED - 1, MAX_SEED, 0]


def test_each_sample_has_its_own_stream():
    batch = randn((3, 1, 2, 2), generators(7, 3))
    for k in range(3):
        assert torch.equal(batch[k : k + 1], randn((1, 1, 2, 2), generator(7 + k)))


def test_as_many_generators_as_samples():
    with pytest.raises(ValueError, match="3 samples need 3 generators, not 2"):
        randn((3, 1, 2, 2), generators(7, 2))


DEVICES = ["meta", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
def test_noise_is_drawn_on_the_cpu_and_then_moved(device):
    """A CPU generator in the same state afterwards has made the same draw, whatever the device."""
    here, there = generator(7), generator(7)
    noise, moved = randn((2, 3), here), randn((2, 3), there, device)
    assert moved.device.type == device
    assert torch.equal(here.get_state(), there.get_state())
    if device != "meta":  # which holds no values
        assert torch.equal(moved.cpu(), noise)


def test_sampling_leaves_the_global_generators_alone():
    path = Schedule.linear(20)
    denoiser = Gaussian(path, torch.eye(4), (1, 2, 2))
    guided = dynamic_threshold(guide(denoiser, 3.0))
    guided = classifier_guide(guided, lambda x_t, t: -(x_t**2).flatten(1).sum(1), 1.0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    x, cond = randn((2, 1, 2, 2), generators(7, 2)), denoiser.encode([torch.ones(1, 2, 2), None])
    for run in (
        ddim(guided, x, visits_together(path.timesteps(20), 2), cond, generator(7), 1.0),
        ddim(guided, x, visits_together(path.timesteps(10), 2), cond, generators(7, 2), 0.5),
        heun(guided, x, visits_together(path.timesteps(10), 2), cond),
    ):
        list(run)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def global_draws(source: str) -> list[str]:
    """Calls in the source that would draw from, or seed, torch's global generator."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    found = []
    for call in calls:
        owner, name = getattr(call.func, "value", None), getattr(call.func, "attr", "")
        on_torch = isinstance(owner, ast.Name) and owner.id == "torch"
        has_source = any(keyword.arg == "generator" for keyword in call.keywords)
        if not has_source and ((on_torch and name in {*DRAWS, "manual_seed"}) or name in IN_PLACE):
            found.append(ast.unparse(call))
    return found


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_no_file_of_core_draws_from_the_global_generator(file):
    assert global_draws(file.read_text()) == []


def test_global_draws_are_seen():
    assert len(global_draws("torch.randn(3); torch.randn_like(x); x.normal_(); torch.manual_seed(0)")) == 4
    assert global_draws("torch.randn(3, generator=g); randn((3,), g); torch.Generator().manual_seed(0)") == []


def test_a_branch_has_a_seed_of_its_own():
    found = {branch(180, k) for k in range(1, 1000)}
    assert len(found) == 999 and 180 not in found
    assert all(0 <= branch(MAX_SEED, k) <= MAX_SEED for k in (1, 500, 999))


@pytest.mark.parametrize("shape", [(2,), (3, 64, 64), (1, 28, 28)])
def test_between_two_noises_slerp_keeps_the_length_and_the_angle_to_both_ends(shape):
    a, b = (torch.randn(shape, generator=generator(s), dtype=torch.float64) for s in (1, 2))
    a, b = a / a.norm(), b / b.norm()
    w = torch.linspace(0, 1, 9, dtype=torch.float64)
    path, whole = slerp(a, b, w).flatten(1), torch.acos((a * b).sum())
    torch.testing.assert_close(path.norm(dim=1), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(torch.acos((path @ a.flatten()).clamp(-1, 1)), w * whole, atol=1e-7, rtol=0)
    torch.testing.assert_close(torch.acos((path @ b.flatten()).clamp(-1, 1)), (1 - w) * whole, atol=1e-7, rtol=0)


def test_both_ways_begin_and_end_at_the_noises_and_the_straight_one_is_too_short_halfway():
    a, b = (torch.randn(3, 64, 64, generator=generator(s)) for s in (1, 2))
    ends = torch.tensor([0.0, 0.5, 1.0])
    for way in (slerp, lerp):
        path = way(a, b, ends)
        torch.testing.assert_close(path[0], a)
        torch.testing.assert_close(path[2], b)
    assert slerp(a, b, ends)[1].std() == pytest.approx(1, abs=0.02)
    assert lerp(a, b, ends)[1].std() == pytest.approx(2**-0.5, abs=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_between_a_noise_and_itself_there_is_nothing_else(seed):
    """The cosine of the angle may round to 1 or to a little less."""
    noise = randn((1, 3, 64, 64), generator(seed))[0]
    assert torch.allclose(slerp(noise, noise.clone(), torch.linspace(0, 1, 5)), noise.expand(5, -1, -1, -1), atol=1e-5)
