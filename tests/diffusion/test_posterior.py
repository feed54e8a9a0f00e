"""The DDPM posterior with fixed and learned variance, and DPM-Solver++, against diffusers and closed forms."""

import pickle
from itertools import pairwise

import pytest
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Prediction, Technique
from core.diffusion.guidance import from_noise, guide
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim, dpm_solver, posterior
from core.diffusion.schedule import Schedule, cosine_betas
from core.diffusion.visits import visits_each, visits_from, visits_together
from core.techniques.sdedit import sdedit

SHAPE = (1, 2, 2)
COSINE, LINEAR = Schedule.published(cosine_betas()), Schedule.linear(1000)
T = [990, 700, 400, 100, 0]


class Learned(Technique):
    """Adds a constant learned variance v to the answer."""

    def __init__(self, inner, v):
        super().__init__(inner)
        self.v = v

    def predict(self, x_t, t, cond):
        p = super().predict(x_t, t, cond)
        return Prediction(p.x_0, p.eps, torch.full_like(x_t, self.v))


def gaussian(path: Schedule) -> Gaussian:
    """The exact denoiser of correlated pixels."""
    root = randn((4, 4), generator(3)).double()
    return Gaussian(path, root @ root.T / 4 + 0.1 * torch.eye(4), SHAPE)


def start(n=2, dtype=torch.float64):
    return randn((n, *SHAPE), generator(1)).to(dtype)


def run(sampler, denoiser, x, timesteps, *more):
    """All Steps; the timesteps are shared, or (n, B), a column per sample."""
    timesteps = torch.as_tensor(timesteps)
    visits = visits_together(timesteps, len(x)) if timesteps.ndim == 1 else visits_each(timesteps.T)
    return list(sampler(denoiser, x, visits, denoiser.encode([None] * len(x)), *more))


# ---- Posterior ----


@pytest.mark.parametrize("v", [None, -1.0, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("loop", ["ddim", "each", "sdedit", "constrained"])
def test_every_loop_adds_the_learned_variance(loop, v):
    """DDIM(1), the batch that shrinks, the ladder and the constrained run are the posterior sampler, noise and all."""
    model = gaussian(LINEAR) if v is None else Learned(gaussian(LINEAR), v)
    x, cond = start(1), model.encode([None])
    visits = visits_together(T, 1)
    expected = list(posterior(model, x, visits, cond, generator(9)))[-1].x_t
    noise = {"source": [generator(9)], "eta": 1.0}
    if loop == "ddim":
        steps = ddim(model, x, visits, cond, **noise)
    elif loop == "each":
        steps = ddim(model, x, visits_each([T]), cond, **noise)
    elif loop == "sdedit":
        picture, noise["source"] = torch.zeros(1, *SHAPE, dtype=x.dtype), [generator(5)]
        begin = LINEAR.forward(picture, torch.tensor(T[:1]), randn((1, *SHAPE), generator(5)).double())
        twin = generator(5)
        randn((1, *SHAPE), twin)
        expected = list(posterior(model, begin, visits, cond, twin))[-1].x_t
        steps = sdedit(model, picture, visits_from(T, [0]), cond, **noise)
    else:
        steps = ddim(model, x, visits, cond, constrain=lambda x, t: x, **noise)
    torch.testing.assert_close(list(steps)[-1].x_t, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("v", [None, -1.0, -0.3, 0.4, 1.0])
def test_every_step_is_that_of_the_scheduler(v):
    """One trajectory, the scheduler's noise drawn from a generator of the same seed."""
    kind = "fixed_small" if v is None else "learned_range"
    oracle = DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type=kind, clip_sample=False)
    oracle.set_timesteps(timesteps=T)
    model = gaussian(COSINE) if v is None else Learned(gaussian(COSINE), v)
    steps, theirs = run(posterior, model, start(), T, generator(9)), generator(9)
    for step, after in pairwise(steps):
        eps = COSINE.eps(step.x_t, step.t, step.x_0).float()
        out = eps if v is None else torch.cat([eps, torch.full_like(eps, v)], 1)
        expected = oracle.step(out, int(step.t[0]), step.x_t.float(), theirs).prev_sample
        torch.testing.assert_close(after.x_t.float(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("v", [-1.0, 0.0, 1.0])
def test_the_spread_of_a_step_is_the_learned_one(v):
    """From t to t' with x_0 known: standard deviation b~ at v = -1, b at 1, their geometric mean at 0."""

    class Known(Technique):
        def predict(self, x_t, t, cond):
            return Prediction(torch.zeros_like(x_t), x_t, torch.full_like(x_t, v))

    x = torch.zeros(20_000, *SHAPE)
    *_, before, _ = run(posterior, Known(gaussian(LINEAR)), x, [600, 300], generator(4))
    now, after = LINEAR.alpha_bar[600], LINEAR.alpha_bar[300]
    b = 1 - now / after
    small = b * (1 - after) / (1 - now)
    expected = {-1.0: small, 0.0: (b * small).sqrt(), 1.0: b}[v].sqrt()
    assert before.x_t.std().item() == pytest.approx(expected.item(), rel=0.01)


def test_noise_is_added_exactly_where_t_is_above_zero():
    model, x = Learned(gaussian(LINEAR), 1.0), start(1)
    source = generator(2)
    untouched = source.get_state()
    run(posterior, model, x, [0], source)
    assert torch.equal(source.get_state(), untouched)
    a, b = (run(posterior, model, x, [500, 10], generator(s))[-1].x_t for s in (1, 2))
    assert (a - b).abs().max() > 0.01  # at t = 10, where sqrt(b) is 0.03


def test_every_sample_may_have_its_own_timesteps():
    model, x = Learned(gaussian(LINEAR), 0.5), start(2)
    columns = torch.tensor([[900, 500], [600, 250], [300, 0]])
    together = run(posterior, model, x, columns, [generator(1), generator(2)])
    for k in range(2):
        alone = run(posterior, model, x[k : k + 1], columns[:, k], [generator(k + 1)])
        torch.testing.assert_close(together[-1].x_t[k : k + 1], alone[-1].x_t)
    assert [step.t.tolist() for step in together] == [*columns.tolist(), [-1, -1]]


def test_the_small_variance_is_ddim_with_eta_one():
    """Both end in the same distribution and, from the same noise, in nearly the same place."""
    model, x, timesteps = gaussian(LINEAR), start(), LINEAR.timesteps(100, "leading")
    ours, other = run(posterior, model, x, timesteps, generator(7)), run(ddim, model, x, timesteps, generator(7), 1.0)
    torch.testing.assert_close(ours[-1].x_t, other[-1].x_t, atol=1e-6, rtol=0)


def test_a_path_that_loses_variance_has_no_ddpm_posterior():
    with pytest.raises(ValueError, match="variance-preserving"):
        run(posterior, gaussian(Schedule.flow()), start(), [500, 100], generator(1))


def test_guidance_keeps_the_learned_variance_of_the_conditional_half():
    class ByCondition(Technique):
        def predict(self, x_t, t, cond):
            p = super().predict(x_t, t, cond)
            return Prediction(p.x_0, p.eps, cond.clone())

    model = ByCondition(gaussian(LINEAR))
    cat = randn((2, *SHAPE), generator(8)).double().clamp(-1, 1)
    p = from_noise(guide(model, 7.0)).predict(start(), torch.tensor([500, 20]), cat)
    assert torch.equal(p.v, cat)
    x_0 = LINEAR.x_0(start(), torch.tensor([500, 20]), p.eps)
    assert torch.equal(p.x_0, x_0)
    assert set(p.parts) == {"unconditional", "conditional"}


def test_steps_can_be_pickled():
    """The hosted shared GPU sends them from one process to another."""
    for step in run(posterior, Learned(gaussian(LINEAR), 0.0), start(), T, generator(1)):
        again = pickle.loads(pickle.dumps(step))
        assert (again.i, again.n) == (step.i, step.n)
        assert all(torch.equal(getattr(again, k), getattr(step, k)) for k in ("t", "x_t", "x_0"))


# ---- DPM-Solver++ ----


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 25])
def test_dpm_solver_is_that_of_diffusers(steps):
    model, x = gaussian(COSINE), start()
    timesteps = [t + 20 for t in COSINE.timesteps(steps, "leading")]
    oracle = DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2", algorithm_type="dpmsolver++")
    oracle.set_timesteps(timesteps=timesteps)
    theirs = x
    for t in oracle.timesteps:
        p = model.predict(theirs, t.expand(2), torch.zeros_like(x))
        theirs = oracle.step(p.eps, t, theirs).prev_sample.double()
    torch.testing.assert_close(run(dpm_solver, model, x, timesteps)[-1].x_t, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("path", [LINEAR, Schedule.flow()], ids=["ddpm", "flow"])
def test_dpm_solver_is_of_second_order(path):
    """From t = 800 to 200 against the exact flow of a Gaussian, x_t' = sqrt(V_t' / V_t) x_t with V_t = a^2 S + s^2."""
    model, x = gaussian(path), start()
    V_800, V_200 = ((path.a[t] ** 2 * model.variances + path.s[t] ** 2) for t in (800, 200))
    exact = (x.flatten(1) @ model.basis * (V_200 / V_800).sqrt() @ model.basis.T).view_as(x)

    def error(sampler, n):
        timesteps = torch.linspace(800, 200, n + 1).round().long()
        return (run(sampler, model, x, timesteps)[-2].x_t - exact).abs().max().item()

    assert error(dpm_solver, 40) < error(dpm_solver, 20) / 3  # a quarter in theory
    assert error(ddim, 40) > error(ddim, 20) / 3  # first order: a half
    assert error(dpm_solver, 20) < error(ddim, 20) / 3


def test_dpm_solver_takes_a_timestep_per_sample():
    model, x = gaussian(LINEAR), start(2)
    columns = torch.tensor([[900, 500], [600, 250], [300, 10]])
    together = run(dpm_solver, model, x, columns)
    for k in range(2):
        alone = run(dpm_solver, model, x[k : k + 1], columns[:, k])
        torch.testing.assert_close(together[-1].x_t[k : k + 1], alone[-1].x_t)
