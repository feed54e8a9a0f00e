"""From noise to image, one network call at a time: every sampler is a generator of Steps and keeps nothing else.

A run of n timesteps yields n + 1 Steps: one at each timestep, with the state x_t and the clean estimate made
from it, and a last one at t = -1 that holds the result. The final image, the live preview, the scrubber, the
GIF, the progress line and Stop are ways to consume that one iterator.

The same update serves every Gaussian path,

    x_t' = a_t' x_0 + sqrt(s_t'^2 - sigma^2) eps + sigma z,     z ~ N(0, I)

On a DDPM path it is DDIM (Song et al. 2021, eq. 12); with eta = 1 it is the strided DDPM posterior
(Ho et al. 2020, eq. 7). On the straight path of flow matching, with eta = 0, it is Euler's method.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.noise import Generators, randn
from core.diffusion.schedule import Schedule


@dataclass(frozen=True)
class Step:
    """What samplers yield.

    Args:
        i: updates done so far, 0 .. n.
        n: updates in all.
        t: (B,) timesteps on the CPU; -1 in the last Step.
        x_t: (B, C, H, W) the state at t.
        x_0: (B, C, H, W) the clean estimate made from x_t; x_t itself in the last Step.
        parts: the Prediction's parts; none in the last Step.
    """

    i: int
    n: int
    t: Tensor
    x_t: Tensor
    x_0: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)

    def cpu(self) -> "Step":
        """The same on the CPU."""
        parts = {name: part.cpu() for name, part in self.parts.items()}
        return Step(self.i, self.n, self.t.cpu(), self.x_t.cpu(), self.x_0.cpu(), parts)


def update(
    schedule: Schedule, x_t: Tensor, t: Tensor, t_next: Tensor, p: Prediction, eta: float = 0.0, z: Tensor | None = None
) -> Tensor:
    """One step from timesteps t to t_next, both (B,): the module's equation with sigma = eta * schedule.sigma.

    Where the model learned the variance, the noise z has that one; the mean stays the posterior's.
    """
    a, s = schedule.at(t_next, x_t)
    if not eta:
        return a * p.x_0 + s * p.eps
    estimated, fresh = schedule.shares(t, t_next, x_t, eta)
    spread = fresh if p.v is None else eta * schedule.learned_sigma(t, t_next, p.v)
    return a * p.x_0 + estimated * p.eps + spread * z


def _visits(timesteps: Sequence[int] | Tensor, x: Tensor) -> Tensor:
    """(n + 1, B) timesteps on the CPU, the last row -1, from n shared ones or an (n, B) table."""
    t = torch.as_tensor(timesteps, dtype=torch.long).cpu()
    t = t[:, None].expand(-1, len(x)) if t.ndim == 1 else t
    return torch.cat([t, -torch.ones_like(t[:1])])


@torch.no_grad()
def ddim(
    denoiser: Denoiser,
    x: Tensor,
    timesteps: Sequence[int] | Tensor,
    cond: Tensor,
    eta: float = 0.0,
    source: Generators | None = None,
) -> Iterator[Step]:
    """DDIM(eta) on any Gaussian path; on the straight path with eta = 0 this is Euler's method.

    Args:
        x: (B, C, H, W) the state at the first timestep.
        timesteps: n descending timesteps, or (n, B) of them, one column per sample; a step to t = -1 follows.
        cond: (B, ...) conditioning from `denoiser.encode`.
        eta: 0 deterministic .. 1 the DDPM posterior.
        source: a generator, or one per sample; needed when eta > 0.
    """
    visits = _visits(timesteps, x)
    on_device = visits.to(x.device)
    n = len(visits) - 1
    for i in range(n):
        p = denoiser.predict(x, on_device[i], cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        z = randn(x.shape, source, x.device) if eta and i < n - 1 else torch.zeros_like(x)
        x = update(denoiser.schedule, x, on_device[i], on_device[i + 1], p, eta, z)
    yield Step(n, n, visits[n], x, x)


def ddpm(denoiser: Denoiser, x: Tensor, cond: Tensor, source: Generators) -> Iterator[Step]:
    """Ancestral sampling over all T timesteps (Ho et al. 2020, algorithm 2, with the posterior variance)."""
    return ddim(denoiser, x, denoiser.schedule.timesteps(denoiser.schedule.T), cond, 1.0, source)


@torch.no_grad()
def heun(denoiser: Denoiser, x: Tensor, timesteps: Sequence[int] | Tensor, cond: Tensor) -> Iterator[Step]:
    """Heun's second-order method for dx = x_0 da + eps ds; the last step, to t = -1, is Euler's.

    Two network calls per step but the last: 2 n - 1 in all (Karras et al. 2022, algorithm 1). Arguments as `ddim`.
    """
    visits = _visits(timesteps, x)
    on_device = visits.to(x.device)
    n = len(visits) - 1
    for i in range(n):
        t, t_next = on_device[i], on_device[i + 1]
        p = denoiser.predict(x, t, cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        ahead = update(denoiser.schedule, x, t, t_next, p)
        if i < n - 1:
            q = denoiser.predict(ahead, t_next, cond)
            (a, s), (a_next, s_next) = denoiser.schedule.at(t, x), denoiser.schedule.at(t_next, x)
            ahead = x + (a_next - a) * (p.x_0 + q.x_0) / 2 + (s_next - s) * (p.eps + q.eps) / 2
        x = ahead
    yield Step(n, n, visits[n], x, x)


@torch.no_grad()
def posterior(
    denoiser: Denoiser, x: Tensor, timesteps: Sequence[int] | Tensor, cond: Tensor, source: Generators
) -> Iterator[Step]:
    """Strided DDPM with the variance that the model learned, or Ho's smaller one where it learned none.

    x_t' = N(posterior mean of x_0 and x_t, sigma^2), sigma = exp(1/2 (f log b + (1 - f) log b~)) per pixel with
    f = (v + 1) / 2 (Nichol & Dhariwal 2021, eq. 15). Noise is added where t > 0, as in the published pipelines:
    a list that does not end at 0 leaves noise in its result. In float32, on a `Schedule.published` path, the
    arithmetic is that of diffusers' DDPMScheduler, bit for bit. Arguments as `ddim`; one Step per timestep and a last.

    Raises:
        Refused: the path does not preserve variance.
    """
    visits = _visits(timesteps, x)
    on_device, rows = visits.to(x.device), _posterior_rows(denoiser.schedule, visits, x)
    n = len(visits) - 1
    for i in range(n):
        p = denoiser.predict(x, on_device[i], cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        to_x_0, to_x, log_b, log_b_tilde, noisy = rows[i]
        x = to_x_0 * p.x_0 + to_x * x
        if visits[i].max() > 0:
            z = randn(x.shape, source, x.device).to(x.dtype)
            f = (p.v + 1) / 2 if p.v is not None else torch.zeros_like(x)
            x = x + torch.exp(0.5 * (f * log_b + (1 - f) * log_b_tilde)) * (z * noisy)
    yield Step(n, n, visits[n], x, x)


def _posterior_rows(schedule: Schedule, visits: Tensor, x: Tensor) -> list[Tensor]:
    """For each step (5, B, 1, 1, 1): the factors of x_0 and x_t, log b, log b~, and 1 where noise is added.

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
    return list(table.view(*table.shape, *(1,) * (x.ndim - 1)).to(x.device))


@torch.no_grad()
def dpm_solver(denoiser: Denoiser, x: Tensor, timesteps: Sequence[int] | Tensor, cond: Tensor) -> Iterator[Step]:
    """DPM-Solver++(2M): second order from one network call per step (Lu et al. 2022b, algorithm 2).

    x_t' = (s' / s) x_t + (a' - a s' / s) D with D = x_0 + h / (2 h_before) (x_0 - x_0_before) and h the step in
    log(a / s). The first step and the last, to t = -1, have D = x_0, which is DDIM's step. Arguments as `ddim`.
    """
    visits = _visits(timesteps, x)
    on_device, rows = visits.to(x.device), _multistep_rows(denoiser.schedule, visits, x)
    n, before = len(visits) - 1, None
    for i in range(n):
        p = denoiser.predict(x, on_device[i], cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        to_x, to_D, ratio = rows[i]
        D = p.x_0 if before is None else p.x_0 + ratio * (p.x_0 - before)
        x, before = to_x * x + to_D * D, p.x_0
    yield Step(n, n, visits[n], x, x)


def _multistep_rows(schedule: Schedule, visits: Tensor, x: Tensor) -> list[Tensor]:
    """For each step (3, B, 1, 1, 1): s' / s, a' - a s' / s and h / (2 h_before), the last 0 in the first and last step."""
    a, s = schedule.a[visits], schedule.s[visits]  # (n + 1, B) float64
    h = (a.log() - s.log()).diff(dim=0)
    ratio = torch.zeros_like(h)
    ratio[1:-1] = h[1:-1] / (2 * h[:-2])
    to_x = s[1:] / s[:-1]
    table = torch.stack([to_x, a[1:] - a[:-1] * to_x, ratio], 1).to(x.dtype)
    return list(table.view(*table.shape, *(1,) * (x.ndim - 1)).to(x.device))


@torch.no_grad()
def ddim_each(
    denoiser: Denoiser,
    x: Tensor,
    timesteps: Sequence[Sequence[int]],
    cond: Tensor,
    eta: float = 0.0,
    source: Generators | None = None,
) -> Iterator[Step]:
    """DDIM(eta) where every sample has its own timesteps, of any number: one batch that shrinks as samples finish.

    Args:
        timesteps: B lists of descending timesteps; a step to t = -1 follows each.
        source: B generators, one per sample; needed when eta > 0. Other arguments as `ddim`.

    A sample that is finished keeps its last noise estimates.
    """
    n = max(map(len, timesteps))
    visits = torch.tensor([[*row, *[-1] * (n + 1 - len(row))] for row in timesteps]).T  # (n + 1, B)
    on_device, x, x_0, parts, rows = visits.to(x.device), x.clone(), x.clone(), {}, None
    for i in range(n):
        left = (visits[i] >= 0).nonzero().flatten().tolist()
        if left != rows:  # between these, the condition is one object, by which a network may know it again
            rows, mine = left, torch.tensor(left, device=x.device)
            asked = cond[mine]
        t, t_next = on_device[i, mine], on_device[i + 1, mine]
        p = denoiser.predict(x[mine], t, asked)
        x_0[mine] = p.x_0
        for name, part in p.parts.items():
            parts.setdefault(name, torch.zeros_like(x))[mine] = part
        yield Step(i, n, visits[i], x.clone(), x_0.clone(), {name: part.clone() for name, part in parts.items()})
        z = randn(x[mine].shape, [source[k] for k in rows], x.device) if eta else torch.zeros_like(x[mine])
        x[mine] = update(denoiser.schedule, x[mine], t, t_next, p, eta, z)
        x_0[mine] = torch.where((t_next < 0).view(-1, 1, 1, 1), x[mine], x_0[mine])
    yield Step(n, n, visits[n], x, x)
