"""Gaussian paths from clean to noise, and the identities that hold on them.

Notation, used everywhere in this project
-----------------------------------------
    x_0        clean image
    eps        noise, N(0, I)
    t          timestep, an integer in 0 .. T-1; larger is noisier; t = -1 is the clean end
    x_t        noisy image,            x_t = a_t x_0 + s_t eps
    a_t, s_t   signal and noise level; a_-1 = 1, s_-1 = 0
    alpha_bar  a_t^2 on a variance-preserving path (DDPM), where a_t^2 + s_t^2 = 1
    v          a_t eps - s_t x_0       (Salimans & Ho 2022)
    u          x_0 - eps               velocity of the straight path (Lipman et al. 2023)
    tau        1 - (t + 1) / T         flow-matching time: 0 is noise, 1 is clean

DDPM (Ho et al. 2020): a_t = sqrt(alpha_bar_t), s_t = sqrt(1 - alpha_bar_t).
Flow matching (Lipman et al. 2023): a_t = tau, s_t = 1 - tau.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from core.checks import Refused


@dataclass(frozen=True, eq=False)
class Schedule:
    """A path x_t = a_t x_0 + s_t eps with T timesteps, as a frozen float64 table.

    Args:
        a: (T + 1,) float64 signal levels; the last entry belongs to t = -1, the clean end.
        s: (T + 1,) float64 noise levels, likewise.
        squared: (T + 1,) float64 a^2, where rounding makes it differ from the square of a.
        spacing: of `timesteps`, unless told otherwise.
    """

    a: Tensor
    s: Tensor
    squared: Tensor | None = None
    spacing: str = "trailing"

    @classmethod
    def from_betas(cls, betas: Tensor) -> "Schedule":
        """DDPM path of (T,) variances beta_t: alpha_bar_t = prod(1 - beta) (Ho et al. 2020, eq. 4)."""
        alpha_bar = torch.cat([torch.cumprod(1 - betas.double(), 0), torch.ones(1, dtype=torch.float64)])
        return cls(alpha_bar.sqrt(), (1 - alpha_bar).sqrt())

    @classmethod
    def linear(cls, T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> "Schedule":
        """Linear betas (Ho et al. 2020, section 4)."""
        return cls.from_betas(torch.linspace(beta_start, beta_end, T, dtype=torch.float64))

    @classmethod
    def cosine(cls, T: int = 1000, max_beta: float = 0.999) -> "Schedule":
        """Squared-cosine alpha_bar (Nichol & Dhariwal 2021, eq. 17), `squaredcos_cap_v2` in diffusers."""
        return cls.from_betas(cosine_betas(T, max_beta))

    @classmethod
    def published(cls, betas: Tensor) -> "Schedule":
        """DDPM path of (T,) betas as diffusers computes it, in float32 throughout.

        A sampler in float32 then agrees bit for bit with the published pipelines. The roots are taken in float32
        too: torch does not round every root correctly, so those of float64 may differ in the last bit. The spacing
        is the pipelines' too.
        """
        alpha_bar = torch.cat([torch.cumprod(1 - betas.float(), 0), torch.ones(1)])
        return cls((alpha_bar**0.5).double(), ((1 - alpha_bar) ** 0.5).double(), alpha_bar.double(), "leading")

    @classmethod
    def flow(cls, T: int = 1000) -> "Schedule":
        """The straight path of flow matching, a = tau, s = 1 - tau: t = T-1 is pure noise (Lipman et al. 2023)."""
        tau = torch.cat([1 - torch.arange(1, T + 1, dtype=torch.float64) / T, torch.ones(1, dtype=torch.float64)])
        return cls(tau, 1 - tau)

    @property
    def T(self) -> int:
        """Number of timesteps."""
        return len(self.a) - 1

    @property
    def alpha_bar(self) -> Tensor:
        """(T + 1,) float64 squared signal level; the last entry, t = -1, is 1."""
        return self.a**2 if self.squared is None else self.squared

    def at(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """(a_t, s_t) for timesteps t (B,), each (B, 1, ...) in x's dtype and on x's device."""
        a, s = _levels(self, x.device)
        t = t.to(x.device)
        return per_sample(a[t].to(x.dtype), x), per_sample(s[t].to(x.dtype), x)

    def forward(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Noise a clean image: x_t = a_t x_0 + s_t eps (Ho et al. 2020, eq. 4). Shapes (B, ...), t (B,)."""
        a, s = self.at(t, x_0)
        return a * x_0 + s * eps

    def x_0(self, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Clean estimate of a noise estimate, (x_t - s_t eps) / a_t. Infinite where a_t = 0."""
        a, s = self.at(t, x_t)
        return (x_t - s * eps) / a

    def eps(self, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
        """Noise estimate of a clean estimate, (x_t - a_t x_0) / s_t. Infinite where s_t = 0."""
        a, s = self.at(t, x_t)
        return (x_t - a * x_0) / s

    def from_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(x_0, eps) of v = a eps - s x_0, on any path: the 2x2 system solved (Salimans & Ho 2022, appendix D)."""
        a, s = self.at(t, x_t)
        return (a * x_t - s * v) / (a**2 + s**2), (s * x_t + a * v) / (a**2 + s**2)

    def from_velocity(self, x_t: Tensor, t: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """(x_0, eps) of u = x_0 - eps; on the straight path x_0 = x_t + (1 - tau) u and eps = x_t - tau u."""
        a, s = self.at(t, x_t)
        return (x_t + s * u) / (a + s), (x_t - a * u) / (a + s)

    def sigma(self, t: Tensor, t_next: Tensor, x: Tensor) -> Tensor:
        """Standard deviation of x_t' given x_t and x_0, (B, 1, ...): s' sqrt(1 - (a s' / (a' s))^2).

        On a DDPM path this is sqrt(b (1 - abar') / (1 - abar)) with b = 1 - abar / abar'
        (Ho et al. 2020, eq. 7, for a strided step; Song et al. 2021, eq. 16 with eta = 1).
        """
        return self.shares(t, t_next, x)[1]

    def shares(self, t: Tensor, t_next: Tensor, x: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
        """The noise s' at t' as (estimated, fresh), (B, 1, ...) each: sqrt(s'^2 - sigma^2) and sigma = eta `sigma`.

        With r = a s' / (a' s) they are s' sqrt(1 - eta^2 + eta^2 r^2) and s' eta sqrt(1 - r^2): the first from r
        itself, since near pure noise sigma is so close to s' that their difference would be lost in float32.
        """
        a, s = (level[t.to(x.device)] for level in _levels(self, x.device))
        a_next, s_next = (level[t_next.to(x.device)] for level in _levels(self, x.device))
        r = a * s_next / (a_next * s)
        estimated = s_next * (1 - eta**2 + (eta * r) ** 2).sqrt()
        fresh = s_next * eta * (1 - r**2).clamp(min=0).sqrt()
        return per_sample(estimated.to(x.dtype), x), per_sample(fresh.to(x.dtype), x)

    def learned_sigma(self, t: Tensor, t_next: Tensor, v: Tensor) -> Tensor:
        """Standard deviation that a model chose with v, see `chosen_sigma`; 0 where t' = -1: no noise at last.

        b~ is `sigma` squared and b = s^2 - (a s' / a')^2, the variance of x_t given x_t'; on a DDPM path
        b = 1 - abar / abar'.

        Args:
            v: (B, ...) in [-1, 1], as is the result's shape.
        """
        (a, s), (a_next, s_next) = self.at(t, v), self.at(t_next, v)
        log_b = (s**2 - (a / a_next * s_next) ** 2).clamp(min=1e-20).log()
        log_b_tilde = (self.sigma(t, t_next, v) ** 2).clamp(min=1e-20).log()
        return chosen_sigma(log_b, log_b_tilde, v) * (s_next > 0)

    def timesteps(self, steps: int, spacing: str | None = None) -> list[int]:
        """A strictly descending list of `steps` timesteps.

        Args:
            steps: 1 .. T.
            spacing: "trailing" starts at T-1, "leading" ends at 0, "linspace" does both (one step: 0)
                (Lin et al. 2024, table 2, names as in diffusers); None for the path's own.

        Raises:
            Refused: steps out of range, or a spacing that does not exist.
        """
        if not 1 <= steps <= self.T:
            raise Refused(f"The number of steps must be between 1 and {self.T}, not {steps}.")
        T, spacing = self.T, spacing or self.spacing
        if spacing == "trailing":
            return [round(T - i * T / steps) - 1 for i in range(steps)]
        if spacing == "leading":
            return [i * (T // steps) for i in reversed(range(steps))]
        if spacing == "linspace":
            return [round(i * (T - 1) / max(steps - 1, 1)) for i in reversed(range(steps))]
        raise Refused(f"The spacing must be trailing, leading or linspace, not {spacing!r}.")


def chosen_sigma(log_b: Tensor, log_b_tilde: Tensor, v: Tensor) -> Tensor:
    """Standard deviation between two bounds, exp(1/2 (f log b + (1 - f) log b~)) with f = (v + 1) / 2, shaped as v.

    Nichol & Dhariwal 2021, eq. 15, for a step of any length: b~ is the variance of x_t' given x_t and x_0, b the larger
    one of x_t given x_t'.

    Args:
        log_b, log_b_tilde: (B, 1, ...).
        v: (B, ...) in [-1, 1]; -1 chooses b~ and 1 chooses b.
    """
    f = (v + 1) / 2
    return torch.exp(0.5 * (f * log_b + (1 - f) * log_b_tilde))


def per_sample(values: Tensor, x: Tensor) -> Tensor:
    """(B,) values as (B, 1, ...), which multiply a batch x (B, ...) of any shape sample by sample."""
    return values.view(-1, *(1,) * (x.ndim - 1))


def cosine_betas(T: int = 1000, max_beta: float = 0.999) -> Tensor:
    """(T,) float64 betas of the squared-cosine schedule (Nichol & Dhariwal 2021, eq. 17)."""
    f = [math.cos((i / T + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(T + 1)]
    return torch.tensor([min(1 - f[i + 1] / f[i], max_beta) for i in range(T)], dtype=torch.float64)


@lru_cache(maxsize=64)
def _levels(schedule: Schedule, device: torch.device) -> tuple[Tensor, Tensor]:
    """The two tables on a device, moved once; MPS has no float64, so it gets float32."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return schedule.a.to(device, dtype), schedule.s.to(device, dtype)
