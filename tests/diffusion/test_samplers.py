"""Single steps against diffusers, whole runs against a Gaussian in closed form, and the iterator itself."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, pairwise

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Prediction, Technique
from core.diffusion.guidance import guide
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import ddim, heun, update
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_each, visits_together

SHAPE = (2, 3, 3)
LINEAR, COSINE, FLOW = Schedule.linear(1000), Schedule.cosine(1000), Schedule.flow(1000)
DDPM_PATH = pytest.mark.parametrize("path", [LINEAR, COSINE], ids=["linear", "cosine"])
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, COSINE, FLOW], ids=["linear", "cosine", "flow"])


class MadeUp:
    """A made-up network in which every pixel and the timestep matter: v = tanh(W x_t + t / T), so eps stays bounded."""

    shape, device = SHAPE, torch.device("cpu")

    def __init__(self, schedule: Schedule):
        self.schedule = schedule
        self.weight = randn((math.prod(SHAPE), math.prod(SHAPE)), generator(0)) / math.sqrt(math.prod(SHAPE))

    def encode(self, prompts):
        return torch.zeros(len(prompts), 0)

    def predict(self, x_t, t, cond):
        v = torch.tanh(x_t.flatten(1) @ self.weight + t[:, None] / self.schedule.T).view_as(x_t)
        return Prediction(*self.schedule.from_v(x_t, t, v))


class Spy(Technique):
    """Notes the grad mode of every network call."""

    def __init__(self, inner):
        super().__init__(inner)
        self.grad_modes = []

    def predict(self, x_t, t, cond):
        self.grad_modes.append(torch.is_grad_enabled())
        return super().predict(x_t, t, cond)


def start(n: int = 2, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """n noise images and their empty conditioning."""
    return randn((n, *SHAPE), generator(seed)), torch.zeros(n, 0)


def ddpm(denoiser, x, cond, source):
    """Ancestral sampling over all T timesteps (Ho et al. 2020, algorithm 2, with the posterior variance)."""
    path = denoiser.schedule
    return ddim(denoiser, x, visits_together(path.timesteps(path.T), len(x)), cond, source, 1)


def last(steps) -> torch.Tensor:
    """The result of a run."""
    *_, step = steps
    return step.x_t


# ---- Against diffusers ----


def oracle(scheduler: type, path: Schedule, steps: int):
    """A scheduler of diffusers with our table in float64: in its own, float32 eats the digits of 1 - alpha_bar."""
    result = scheduler(path.T, clip_sample=False, timestep_spacing="leading")
    result.alphas_cumprod = path.alpha_bar[:-1]  # compared with diffusers' in test_schedule.py
    result.set_timesteps(steps)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("steps", [10, 20, 50, 100, 1000])
@DDPM_PATH
def test_every_ddpm_step_is_that_of_diffusers(path, steps):
    """Both sides draw from a generator of their own with the same seed, so z is the same in every step."""
    denoiser, scheduler, theirs = MadeUp(path), oracle(DDPMScheduler, path, steps), generator(7)
    (x, cond), visits = start(), visits_together(path.timesteps(steps, "leading"), 2)
    for step, after in pairwise(ddim(denoiser, x, visits, cond, generator(7), 1)):
        eps = denoiser.predict(step.x_t, step.t, cond).eps
        expected = scheduler.step(eps, int(step.t[0]), step.x_t, generator=theirs).prev_sample
        torch.testing.assert_close(after.x_t, expected, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0, 0.3, 1])
@pytest.mark.parametrize("steps", [10, 20, 50, 100, 1000])
@DDPM_PATH
def test_every_ddim_step_is_that_of_diffusers(path, steps, eta):
    denoiser, scheduler, theirs = MadeUp(path), oracle(DDIMScheduler, path, steps), generator(7)
    (x, cond), visits = start(), visits_together(path.timesteps(steps, "leading"), 2)
    for step, after in pairwise(ddim(denoiser, x, visits, cond, generator(7), eta)):
        eps, z = denoiser.predict(step.x_t, step.t, cond).eps, randn(x.shape, theirs)
        expected = scheduler.step(eps, int(step.t[0]), step.x_t, eta, variance_noise=z).prev_sample
        torch.testing.assert_close(after.x_t, expected, atol=1e-5, rtol=0)


def test_a_whole_ddpm_run_is_that_of_diffusers():
    path = Schedule.linear(30)
    denoiser, scheduler, ours, theirs = MadeUp(path), oracle(DDPMScheduler, path, 30), generator(7), generator(7)
    x, cond = start()
    expected = x
    for t in scheduler.timesteps:
        eps = denoiser.predict(expected, t.expand(len(x)), cond).eps
        expected = scheduler.step(eps, int(t), expected, generator=theirs).prev_sample
    torch.testing.assert_close(last(ddpm(denoiser, x, cond, ours)), expected, atol=1e-5, rtol=0)
    assert torch.equal(ours.get_state(), theirs.get_state())  # neither draws noise for the last step


# ---- Against closed forms ----


def gaussian(path: Schedule) -> tuple[Gaussian, torch.Tensor]:
    """A closed-form denoiser of four correlated pixels in float64, and the mean that is its prompt."""
    basis = torch.linalg.qr(randn((4, 4), generator(3)).double()).Q
    covariance = basis @ torch.diag(torch.tensor([0.09, 0.25, 0.49, 1.0], dtype=torch.float64)) @ basis.T
    mean = torch.tensor([0.5, -0.5, 1.0, 0.0], dtype=torch.float64).view(1, 2, 2)
    return Gaussian(path, covariance, (1, 2, 2)), mean


RUNS = {
    "ddpm": (LINEAR, lambda d, x, c: ddpm(d, x, c, generator(5))),
    "ddim": (LINEAR, lambda d, x, c: ddim(d, x, visits_together(LINEAR.timesteps(200), len(x)), c)),
    "ddim eta 1": (
        LINEAR,
        lambda d, x, c: ddim(d, x, visits_together(LINEAR.timesteps(500), len(x)), c, generator(5), 1),
    ),
    "flow euler": (FLOW, lambda d, x, c: ddim(d, x, visits_together(FLOW.timesteps(200), len(x)), c)),
    "flow heun": (FLOW, lambda d, x, c: heun(d, x, visits_together(FLOW.timesteps(50), len(x)), c)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_gaussian_comes_back_with_its_mean_and_deviation(name):
    """Bounds are 5 standard errors: of a mean, std / sqrt(n); of a standard deviation, std / sqrt(2 n)."""
    path, run = RUNS[name]
    denoiser, mean = gaussian(path)
    n = 2048
    x = randn((n, 1, 2, 2), generator(4)).double()
    samples = last(run(denoiser, x, denoiser.encode([mean]).expand_as(x))).flatten(1) @ denoiser.basis
    expected, std = mean.flatten() @ denoiser.basis, denoiser.variances.sqrt()
    assert ((samples.mean(0) - expected).abs() < 5 * std / math.sqrt(n)).all()
    assert ((samples.std(0) - std).abs() < 5 * std / math.sqrt(2 * n)).all()


def flow_error(sampler, steps: int) -> float:
    """Largest distance to the exact solution on a Gaussian, x_0 = mean + covariance^(1/2) x_T."""
    denoiser, mean = gaussian(FLOW)
    x = randn((16, 1, 2, 2), generator(4)).double()
    root = denoiser.basis @ torch.diag(denoiser.variances.sqrt()) @ denoiser.basis.T
    exact = mean + (x.flatten(1) @ root).view_as(x)
    visits = visits_together(FLOW.timesteps(steps), 16)
    result = last(sampler(denoiser, x, visits, denoiser.encode([mean]).expand_as(x)))
    return (result - exact).abs().max().item()


def test_heun_is_of_order_two_and_euler_of_order_one():
    """Twice the steps: half the error of Euler, a quarter of Heun's."""
    assert flow_error(ddim, 50) / flow_error(ddim, 100) == pytest.approx(2, rel=0.1)
    assert flow_error(heun, 50) / flow_error(heun, 100) == pytest.approx(4, rel=0.1)
    assert flow_error(heun, 50) < flow_error(ddim, 100) / 5  # at an equal number of network calls


def test_ddim_on_the_straight_path_is_euler():
    denoiser, mean = gaussian(FLOW)
    x = randn((3, 1, 2, 2), generator(4)).double()
    cond = denoiser.encode([mean]).expand_as(x)
    for step, after in pairwise(ddim(denoiser, x, visits_together(FLOW.timesteps(20), 3), cond)):
        p = denoiser.predict(step.x_t, step.t, cond)
        velocity, dt = p.x_0 - p.eps, (step.t[0] - after.t[0]) / FLOW.T
        torch.testing.assert_close(after.x_t, step.x_t + dt * velocity)


def test_a_step_to_the_same_timestep_changes_nothing():
    x, cond = start()
    t = torch.tensor([500, 20])
    for eta in (0, 1):
        same = update(LINEAR, x, t, t, MadeUp(LINEAR).predict(x, t, cond), eta, torch.ones_like(x))
        torch.testing.assert_close(same, x, atol=1e-5, rtol=0)


# ---- Batches and seeds ----


@EVERY_PATH
@pytest.mark.parametrize("eta", [0, 1])
def test_each_row_has_its_own_timesteps(path, eta):
    x, cond = start(3)
    lists = [[900, 600, 300], [500, 499, 498], [50, 40, 10]]
    batch = last(ddim(MadeUp(path), x, visits_each(lists), cond, generators(7, 3), eta))
    for k, seed in enumerate([7, 8, 9]):
        alone = last(ddim(MadeUp(path), x[k : k + 1], visits_together(lists[k], 1), cond[:1], generator(seed), eta))
        torch.testing.assert_close(batch[k : k + 1], alone, atol=1e-5, rtol=0)


def test_a_row_that_is_finished_keeps_its_noise_estimates():
    """In a batch that shrinks, every row has the noise estimates that it has alone."""
    model, (x, cond), lists = guide(MadeUp(COSINE), 2.0), start(2), [[900, 500, 100], [700, 0]]
    together = list(ddim(model, x, visits_each(lists), cond))
    for k, visits in enumerate(lists):
        alone = list(ddim(model, x[k : k + 1], visits_together(visits, 1), cond[k : k + 1]))
        for step in together[:-1]:
            mine = alone[min(step.i, len(visits) - 1)].parts
            assert set(step.parts) == set(mine) == {"unconditional", "conditional"}
            for name, part in mine.items():
                torch.testing.assert_close(step.parts[name][k : k + 1], part)
    assert not together[-1].parts


def test_each_row_of_heun_has_its_own_timesteps():
    x, cond = start(2)
    lists = [[900, 600, 300], [500, 499, 498]]
    batch = last(heun(MadeUp(FLOW), x, visits_each(lists), cond))
    for k in range(2):
        alone = last(heun(MadeUp(FLOW), x[k : k + 1], visits_together(lists[k], 1), cond[:1]))
        torch.testing.assert_close(batch[k : k + 1], alone, atol=1e-5, rtol=0)


def test_the_seed_decides_the_picture():
    x, cond = start()
    picture, same, other = (last(ddpm(MadeUp(Schedule.linear(30)), x, cond, generator(s))) for s in (7, 7, 8))
    assert torch.equal(picture, same)
    assert not torch.allclose(picture, other, atol=0.1)


def test_sample_k_of_a_batch_is_sample_k_alone():
    def sample(sources):
        x = randn((len(sources), *SHAPE), sources)
        return last(ddpm(MadeUp(Schedule.linear(30)), x, torch.zeros(len(x), 0), sources))

    batch = sample(generators(7, 3))
    for k in range(3):
        torch.testing.assert_close(batch[k : k + 1], sample(generators(7 + k, 1)), atol=1e-5, rtol=0)


# ---- The iterator ----


@pytest.mark.parametrize("sampler, calls", [(ddim, 4), (heun, 7)], ids=["ddim", "heun"])
def test_n_timesteps_yield_n_plus_one_steps(sampler, calls):
    (x, cond), spy = start(), Spy(MadeUp(FLOW))
    timesteps = FLOW.timesteps(4)
    steps = list(sampler(spy, x, visits_together(timesteps, 2), cond))
    assert [step.i for step in steps] == [0, 1, 2, 3, 4]
    assert {step.n for step in steps} == {4}
    assert [step.t.tolist() for step in steps] == [[t, t] for t in [*timesteps, -1]]
    assert torch.equal(steps[0].x_t, x)
    assert all(torch.equal(step.x_0, MadeUp(FLOW).predict(step.x_t, step.t, cond).x_0) for step in steps[:-1])
    assert torch.equal(steps[-1].x_0, steps[-1].x_t)
    assert len(spy.grad_modes) == calls


def test_the_input_is_left_as_it_was():
    x, cond = start()
    before = x.clone()
    last(ddim(MadeUp(LINEAR), x, visits_together(LINEAR.timesteps(5), 2), cond, generator(7), 1))
    assert torch.equal(x, before)


@pytest.mark.parametrize("grad", [True, False])
def test_a_run_stopped_early_leaves_nothing_behind(grad):
    (x, cond), source, twin = start(), generator(7), generator(7)
    with torch.set_grad_enabled(grad):
        run = ddim(MadeUp(LINEAR), x, visits_together(LINEAR.timesteps(10), 2), cond, source, 1)
        taken = list(islice(run, 3))
        assert torch.is_grad_enabled() == grad
        with ThreadPoolExecutor(1) as other:
            other.submit(run.close).result()  # as Stop does
            assert other.submit(torch.is_grad_enabled).result()
        assert torch.is_grad_enabled() == grad
    assert [step.i for step in taken] == [0, 1, 2]
    for _ in range(2):  # one draw for each of the two updates, none for the close
        randn(x.shape, twin)
    assert torch.equal(source.get_state(), twin.get_state())


# ---- Threads ----

SAMPLERS = {
    "ddim": lambda d, x, c: ddim(d, x, visits_together(FLOW.timesteps(6), 2), c),
    "ddpm": lambda d, x, c: ddpm(d, x, c, generator(7)),
    "heun": lambda d, x, c: heun(d, x, visits_together(FLOW.timesteps(6), 2), c),
}


def naive(denoiser, x, cond):
    """What a sampler must not be: a loop inside a `with torch.no_grad()` that lives across yields."""
    with torch.no_grad():
        for t in FLOW.timesteps(6):
            x = denoiser.predict(x, torch.tensor([t, t]), cond).x_0
            yield x


def survives_thread_hops(sampler, path: Schedule) -> bool:
    """Take each step on another thread, as Gradio does: was grad off in every call and on everywhere after it?"""
    (x, cond), spy, grad_after = start(), Spy(MadeUp(path)), []
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two, ThreadPoolExecutor(1) as three:
        pools = [one, two, three]
        run = sampler(spy, x, cond)
        for pool in cycle(pools):
            step = pool.submit(next, run, None).result()
            grad_after += [pool.submit(torch.is_grad_enabled).result() for pool in pools]
            if step is None:
                break
    assert len(spy.grad_modes) >= 6
    return not any(spy.grad_modes) and all(grad_after)


@pytest.mark.parametrize("name", SAMPLERS)
def test_grad_stays_off_when_steps_hop_between_threads(name):
    assert survives_thread_hops(SAMPLERS[name], Schedule.linear(10) if name == "ddpm" else FLOW)
    assert not survives_thread_hops(naive, FLOW)  # so this test can fail
