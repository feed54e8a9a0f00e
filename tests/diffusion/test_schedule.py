"""The paths against diffusers' tables, and the identities against each other."""

from itertools import pairwise

import pytest
import torch
from diffusers import DDPMScheduler

from core.diffusion.noise import generator, randn
from core.diffusion.schedule import Schedule

LINEAR, COSINE, FLOW = Schedule.linear(300), Schedule.cosine(1000), Schedule.flow(1000)
DDPM_PATHS = [pytest.param(LINEAR, "linear", id="linear"), pytest.param(COSINE, "squaredcos_cap_v2", id="cosine")]
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, COSINE, FLOW], ids=["linear", "cosine", "flow"])
ONE_PIXEL = torch.zeros(1, 1, 1, 1)


def ends(path: Schedule) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every timestep at once, each with its own x_0 and eps, in float64."""
    x_0, eps = randn((2, path.T, 1, 2, 3), generator(0)).double()
    return torch.arange(path.T), x_0, eps


@pytest.mark.parametrize("path, name", DDPM_PATHS)
def test_alpha_bar_is_the_table_of_diffusers(path, name):
    table = DDPMScheduler(path.T, beta_schedule=name).alphas_cumprod
    ours = path.alpha_bar[:-1].float()
    torch.testing.assert_close(ours, table, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours, table, atol=0, rtol=1e-4)  # the noisy end of the cosine is 2e-9


def test_the_linear_300_path_keeps_a_trace_of_the_image():
    assert LINEAR.alpha_bar[LINEAR.T - 1].item() == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("path", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_ddpm_paths_preserve_variance(path):
    torch.testing.assert_close(path.a**2 + path.s**2, torch.ones_like(path.a))


def test_the_flow_path_is_straight_from_pure_noise_to_the_image():
    t, x_0, eps = ends(FLOW)
    x_t = FLOW.forward(x_0, t, eps)
    tau = (1 - (t.double() + 1) / FLOW.T).view(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, eps + tau * (x_0 - eps))
    assert torch.equal(x_t[-1], eps[-1])


@EVERY_PATH
def test_t_minus_one_is_the_clean_end(path):
    t, x_0, eps = ends(path)
    assert torch.equal(path.forward(x_0, -torch.ones_like(t), eps), x_0)


@EVERY_PATH
def test_noise_only_grows(path):
    order = torch.arange(-1, path.T)  # from clean to noise
    assert (path.a[order].diff() < 0).all() and (path.s[order].diff() > 0).all()


@EVERY_PATH
def test_round_trips(path):
    t, x_0, eps = ends(path)
    x_t = path.forward(x_0, t, eps)
    a, s = (level[t].view(-1, 1, 1, 1) for level in (path.a, path.s))
    seen = t[path.a[t] > 0]  # at a = 0, the noisy end of the flow path, nothing of x_0 is left in x_t
    torch.testing.assert_close(path.x_0(x_t, t, eps)[seen], x_0[seen])
    torch.testing.assert_close(path.eps(x_t, t, x_0), eps)
    torch.testing.assert_close(path.from_v(x_t, t, a * eps - s * x_0), (x_0, eps))
    torch.testing.assert_close(path.from_velocity(x_t, t, x_0 - eps), (x_0, eps))


@EVERY_PATH
def test_levels_follow_the_image_in_shape_and_dtype(path):
    t = torch.tensor([-1, 0, path.T - 1])
    for dtype, shape in [(torch.float32, (3, 1, 1, 1)), (torch.float16, (3, 1))]:
        for level, table in zip(path.at(t, torch.zeros(shape, dtype=dtype)), (path.a, path.s), strict=True):
            assert level.shape == shape
            assert torch.equal(level.flatten(), table[t].to(dtype))


@pytest.mark.parametrize("steps", [10, 20, 50, 100, "all"])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("path", [LINEAR, COSINE], ids=["300", "1000"])
def test_timesteps_are_those_of_diffusers(path, spacing, steps):
    steps = path.T if steps == "all" else steps
    oracle = DDPMScheduler(path.T, timestep_spacing=spacing)
    oracle.set_timesteps(steps)
    assert path.timesteps(steps, spacing) == oracle.timesteps.tolist()


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_any_number_of_timesteps_descends(spacing):
    for steps in range(1, LINEAR.T + 1):
        timesteps = LINEAR.timesteps(steps, spacing)
        assert len(timesteps) == steps
        assert all(t > after for t, after in pairwise([LINEAR.T, *timesteps, -1]))


@pytest.mark.parametrize("steps", [0, -1, 301])
def test_too_few_or_too_many_timesteps(steps):
    with pytest.raises(ValueError, match="between 1 and 300"):
        LINEAR.timesteps(steps)


def test_an_unknown_spacing():
    with pytest.raises(ValueError, match="'karras'"):
        LINEAR.timesteps(10, "karras")


@pytest.mark.parametrize("steps", [10, 20, 50, 100, "all"])
@pytest.mark.parametrize("path, name", DDPM_PATHS)
def test_sigma_is_the_posterior_of_diffusers(path, name, steps):
    oracle = DDPMScheduler(path.T, beta_schedule=name, variance_type="fixed_small", timestep_spacing="leading")
    oracle.set_timesteps(path.T if steps == "all" else steps)
    t, t_next = oracle.timesteps, torch.cat([oracle.timesteps[1:], torch.tensor([-1])])
    expected = torch.stack([oracle._get_variance(int(k)) for k in t]).sqrt()
    sigma = path.sigma(t, t_next, ONE_PIXEL).flatten()
    torch.testing.assert_close(sigma, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(sigma[:-1], expected[:-1], atol=0, rtol=1e-3)
    assert sigma[-1] == 0


@EVERY_PATH
def test_sigma_is_what_x_t_leaves_unknown_of_x_t_next(path):
    """Condition the joint Gaussian of (x_t', x_t) given x_0, where x_t = (a / a') x_t' + fresh noise."""
    t, t_next = torch.tensor([path.T - 1, path.T // 2, 9]), torch.tensor([path.T // 2, 9, 8])
    (a, s), (a_next, s_next) = ((path.a[k], path.s[k]) for k in (t, t_next))
    variance_next, variance, covariance = s_next**2, s**2, a / a_next * s_next**2
    expected = (variance_next - covariance**2 / variance).sqrt()
    torch.testing.assert_close(path.sigma(t, t_next, ONE_PIXEL.double()).flatten(), expected)
