"""Samplers draw an image from noise, one network call at a time. Each is a generator of Steps without other state.

All have one signature, (denoiser, x, visits, cond, source): x (B, ...) is the state at visits[0], visits the table
(n + 1, B) of `core.diffusion.visits`, cond (B, ...) comes from `denoiser.encode`, and source is one generator or one per
sample. A run yields n + 1 Steps: one per step, with the state x_t and its clean estimate, and a last one with the
result. The final image, the live preview, the scrubber, the GIF, the progress line and Stop all use that iterator.

The same update serves every Gaussian path,

    x_t' = a_t' x_0 + sqrt(s_t'^2 - sigma^2) eps + sigma z,     z ~ N(0, I)

On a DDPM path it is DDIM (Song et al. 2021, eq. 12); with eta = 1 it is the strided DDPM posterior
(Ho et al. 2020, eq. 7). On the straight path of flow matching, with eta = 0, it is Euler's method.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.loop import Constraint, Group, Step, walk
from core.diffusion.noise import Generators
from core.diffusion.schedule import Schedule, chosen_sigma, per_sample


def update(
    schedule: Schedule, x_t: Tensor, t: Tensor, t_next: Tensor, p: Prediction, eta: float = 0.0, z: Tensor | None = None
) -> Tensor:
    """One step from timesteps t to t_next, both (B,): the module's equation with sigma = eta * schedule.sigma.

    If the model learned the variance, the noise z has that variance; the mean stays that of the posterior.
    """
    a, s = schedule.at(t_next, x_t)
    if not eta:
        return a * p.x_0 + s * p.eps
    estimated, fresh = schedule.shares(t, t_next, x_t, eta)
    spread = fresh if p.v is None else eta * schedule.learned_sigma(t, t_next, p.v)
    return a * p.x_0 + estimated * p.eps + spread * z


def ddim(
    denoiser: Denoiser,
    x: Tensor,
    visits: Tensor,
    cond: Tensor,
    source: Generators | None = None,
    eta: float = 0.0,
    constrain: Constraint | None = None,
) -> Iterator[Step]:
    """DDIM(eta) on any Gaussian path; on the straight path with eta = 0 this is Euler's method.

    Args:
        source: needed when eta > 0 or a sample goes up.
        eta: 0 deterministic .. 1 the DDPM posterior.
        constrain: called on the batch after every step down; its result replaces the samples that went down.
    """
    on_device = visits.to(x.device)

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        noisy = eta and (visits[i + 1, group.rows] >= 0).any()
        z = group.noise(x_t, source) if noisy else torch.zeros_like(x_t)
        return update(denoiser.schedule, x_t, group.of(on_device[i]), group.of(on_device[i + 1]), p, eta, z)

    return walk(denoiser, x, visits, cond, source, rule, constrain)


def posterior(
    denoiser: Denoiser, x: Tensor, visits: Tensor, cond: Tensor, source: Generators | None = None
) -> Iterator[Step]:
    """Strided DDPM with the model's learned variance, or with the smaller one of Ho et al. without it.

    x_t' = N(posterior mean of x_0 and x_t, sigma^2), with sigma of `core.diffusion.schedule.chosen_sigma` per pixel.
    Noise is added if t > 0, as in the published pipelines; a list that does not end at 0 leaves noise in the result.
    In float32, on a `Schedule.published` path, the arithmetic is that of diffusers' DDPMScheduler, bit for bit.

    Raises:
        Refused: the path is not variance-preserving.
    """
    table = _posterior_table(denoiser.schedule, visits, x)

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        to_x_0, to_x, log_b, log_b_tilde, noisy = map(group.of, table[i])
        mean = to_x_0 * p.x_0 + to_x * x_t
        if visits[i, group.rows].max() <= 0:
            return mean
        v = p.v if p.v is not None else -torch.ones_like(x_t)
        return mean + chosen_sigma(log_b, log_b_tilde, v) * (group.noise(x_t, source) * noisy)

    return walk(denoiser, x, visits, cond, source, rule)


def _posterior_table(schedule: Schedule, visits: Tensor, x: Tensor) -> Tensor:
    """(n, 5, B, 1, ...): the factors of x_0 and x_t, log b, log b~, and 1 where noise is added; for steps down.

    Ho et al. 2020, eq. 6 and 7, with b = 1 - abar / abar' for a strided step. In x's dtype and in the order of
    diffusers' DDPMScheduler, so that the results agree to the last bit; on x's device before the first step.
    """
    alpha_bar = schedule.alpha_bar
    if (alpha_bar + schedule.s**2 - 1).abs().max() > 1e-6:
        raise Refused("The DDPM posterior needs a variance-preserving path; use ddim on this one.")
    now, after = alpha_bar.to(x.dtype)[visits[:-1]], alpha_bar.to(x.dtype)[visits[1:]]  # (n, B)
    alpha = now / after
    b = 1 - alpha
    to_x_0 = after**0.5 * b / (1 - now)
    to_x = alpha**0.5 * (1 - after) / (1 - now)
    b_tilde = ((1 - after) / (1 - now) * b).clamp(min=1e-20)
    table = torch.stack([to_x_0, to_x, b.log(), b_tilde.log(), (visits[:-1] > 0).to(x.dtype)], 1)  # (n, 5, B)
    return table.view(*table.shape, *(1,) * (x.ndim - 1)).to(x.device)


def heun(
    denoiser: Denoiser, x: Tensor, visits: Tensor, cond: Tensor, source: Generators | None = None
) -> Iterator[Step]:
    """Heun's second-order method for dx = x_0 da + eps ds; the last step, to t = -1, is Euler's.

    Two network calls per step but the last: 2 n - 1 in all (Karras et al. 2022, algorithm 1). It draws no noise.

    Raises:
        ValueError: not all samples go down in every row.
    """
    on_device, n = _in_step(visits).to(x.device), len(visits) - 1

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        t, t_next = on_device[i], on_device[i + 1]
        ahead = update(denoiser.schedule, x_t, t, t_next, p)
        if i == n - 1:
            return ahead
        q = denoiser.predict(ahead, t_next, cond)
        (a, s), (a_next, s_next) = denoiser.schedule.at(t, x_t), denoiser.schedule.at(t_next, x_t)
        return x_t + (a_next - a) * (p.x_0 + q.x_0) / 2 + (s_next - s) * (p.eps + q.eps) / 2

    return walk(denoiser, x, visits, cond, source, rule)


def dpm_solver(
    denoiser: Denoiser, x: Tensor, visits: Tensor, cond: Tensor, source: Generators | None = None
) -> Iterator[Step]:
    """DPM-Solver++(2M): second order from one network call per step (Lu et al. 2022b, algorithm 2).

    x_t' = (s' / s) x_t + (a' - a s' / s) D with D = x_0 + h / (2 h_before) (x_0 - x_0_before) and h the step in
    log(a / s). The first step and the last, to t = -1, have D = x_0, which is DDIM's step. It draws no noise.

    Raises:
        ValueError: not all samples go down in every row.
    """
    table, before = _multistep_table(denoiser.schedule, _in_step(visits), x), None

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        nonlocal before
        to_x, to_D, ratio = table[i]
        D = p.x_0 if before is None else p.x_0 + ratio * (p.x_0 - before)
        before = p.x_0
        return to_x * x_t + to_D * D

    return walk(denoiser, x, visits, cond, source, rule)


def adams(
    denoiser: Denoiser, x: Tensor, visits: Tensor, cond: Tensor, source: Generators | None = None
) -> Iterator[Step]:
    """Adams and Bashforth's second-order method for dx = x_0 da + eps ds: two orders from one network call per step.

    x_t' = x_t + (a' - a) X + (s' - s) E, where X and E are x_0 and eps at the middle of the step, extrapolated from this
    call and the one before (Hairer et al. 1993, III.1). The first step is DDIM's. It draws no noise, and unlike
    `dpm_solver` may start at a = 0.

    Raises:
        ValueError: not all samples go down in every row.
    """
    on_device, before = _in_step(visits).to(x.device), None
    h = -visits.diff(dim=0)  # (n, B)

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        nonlocal before
        (a, s), (a_next, s_next) = (denoiser.schedule.at(t, x_t) for t in on_device[i : i + 2])
        ratio = per_sample((h[i] / (2 * h[i - 1]) if before else 0 * h[i]).to(x_t), x_t)
        q, before = before or p, p
        return x_t + (a_next - a) * (p.x_0 + ratio * (p.x_0 - q.x_0)) + (s_next - s) * (p.eps + ratio * (p.eps - q.eps))

    return walk(denoiser, x, visits, cond, source, rule)


def consistency(
    denoiser: Denoiser,
    x: Tensor,
    visits: Tensor,
    cond: Tensor,
    source: Generators | None = None,
    same_noise: bool = False,
) -> Iterator[Step]:
    """Multistep consistency sampling, x_t' = a' x_0 + s' z (Song et al. 2023, algorithm 1).

    The denoiser's clean estimate is the end of the path through x_t. Fresh noise z takes each step to another path, so
    the picture may change; the same noise, that of the start, nearly keeps it.

    Args:
        source: needed for fresh noise.
        same_noise: whether z is the state at the start; it is pure noise where a = 0.

    Raises:
        ValueError: not all samples go down in every row.
    """
    on_device, n, start = _in_step(visits).to(x.device), len(visits) - 1, x

    def rule(i: int, group: Group, x_t: Tensor, p: Prediction) -> Tensor:
        if i == n - 1:
            return p.x_0
        a, s = denoiser.schedule.at(on_device[i + 1], x_t)
        return a * p.x_0 + s * (start if same_noise else group.noise(x_t, source))

    return walk(denoiser, x, visits, cond, source, rule)


def _in_step(visits: Tensor) -> Tensor:
    """The table itself. Raises ValueError unless every sample goes down in every row."""
    if (visits.diff(dim=0) >= 0).any():
        raise ValueError("This sampler takes samples that go down together; ddim lets them wait and go up.")
    return visits


def _multistep_table(schedule: Schedule, visits: Tensor, x: Tensor) -> Tensor:
    """(n, 3, B, 1, ...): s' / s, a' - a s' / s and h / (2 h_before), the last 0 in the first and last step."""
    a, s = schedule.a[visits], schedule.s[visits]  # (n + 1, B) float64
    h = (a.log() - s.log()).diff(dim=0)
    ratio = torch.zeros_like(h)
    ratio[1:-1] = h[1:-1] / (2 * h[:-2])
    to_x = s[1:] / s[:-1]
    table = torch.stack([to_x, a[1:] - a[:-1] * to_x, ratio], 1).to(x.dtype)
    return table.view(*table.shape, *(1,) * (x.ndim - 1)).to(x.device)
