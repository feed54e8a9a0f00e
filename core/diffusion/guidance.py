"""Guidance and thresholding: functions from Denoiser to Denoiser, which work with every sampler."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.schedule import per_sample

Interval = tuple[int, int]
"""The first (largest) and the last (smallest) timestep with guidance on."""


def guide(
    denoiser: Denoiser, scale: float | Tensor, negative: object = None, interval: Interval | Tensor | None = None
) -> Denoiser:
    """Classifier-free guidance, eps = eps_u + w (eps_c - eps_u) (Ho & Salimans 2022, eq. 6, with w = their w + 1).

    Args:
        scale: w; 0 unconditional, 1 conditional, above 1 guided; or (B,), one per sample.
        negative: the prompt that takes the place of "no condition".
        interval: where guidance is on, both ends included; elsewhere w = 1, which needs one half only (Kynkaanniemi et
            al. 2024, there in noise levels). Or (B, 2), one per sample; None for everywhere.

    Both halves are one network call; w = 1, and w = 0 without an interval, need only one half. The learned variance is
    that of the conditional half. The Prediction's parts are the two halves, which are equal where guidance is off.

    Raises:
        Refused: a student, which has guidance inside (`core.diffusion.students`).
    """
    if getattr(denoiser, "scales", None):
        raise Refused("This model has guidance inside, as one of its inputs; it takes no second guidance.")
    if not isinstance(scale, Tensor) and scale == 1:
        return denoiser
    return _Guided(denoiser, scale, negative, interval)


def steps_within(interval: Interval, visits: Sequence[int]) -> int:
    """The number of the timesteps with guidance on."""
    first, last = interval
    return sum(last <= t <= first for t in visits)


def halves(scale: float) -> int:
    """The batch factor of a guided network call: 1 for w = 0 and w = 1, else 2."""
    return 1 if scale in (0, 1) else 2


class _Guided(Technique):
    def __init__(self, inner: Denoiser, scale: float | Tensor, negative: object, interval: Interval | Tensor | None):
        super().__init__(inner)
        self.scale = scale if isinstance(scale, Tensor) else float(scale)
        self.interval = None if interval is None else torch.as_tensor(interval).view(-1, 2)  # (1, 2) or (B, 2)
        self.negative, self._null = negative, None
        self._cond, self._both = None, None

    def encode(self, prompts: Sequence) -> Tensor:
        """Encode with the inner denoiser. The same call encodes "no condition": the text encoder may be large."""
        rows = self.inner.encode([*prompts, self.negative])
        self._null = rows[-1:]
        return rows[:-1]

    @property
    def null(self) -> Tensor:
        """(1, ...), no condition or the negative prompt."""
        if self._null is None:
            self._null = self.inner.encode([self.negative])
        return self._null

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        if isinstance(self.scale, float) and self.scale == 0 and self.interval is None:
            return self.inner.predict(x_t, t, self.null.expand(len(x_t), *self.null.shape[1:]))
        on = self._guided(t)
        first = x_t[on]
        p = self.inner.predict(torch.cat([first, x_t]), torch.cat([t[on], t]), self._conditions(len(first), cond))
        w = per_sample(self.scale.to(x_t), x_t) if isinstance(self.scale, Tensor) else self.scale
        (x_0_u, x_0_c), (eps_u, eps_c) = (_two(answers, on, len(first)) for answers in (p.x_0, p.eps))
        v = p.v[len(first) :] if p.v is not None else None
        x_0, eps = x_0_u + w * (x_0_c - x_0_u), eps_u + w * (eps_c - eps_u)  # not lerp, which rounds differently
        return Prediction(x_0, eps, v, {"unconditional": eps_u, "conditional": eps_c})

    def _guided(self, t: Tensor) -> slice | list[int]:
        """The rows of timesteps t (B,) with guidance on; they need both halves."""
        if self.interval is None:
            return slice(None)
        first, last = self.interval.T
        here = t.cpu()
        return ((here <= first) & (here >= last)).nonzero().flatten().tolist()

    def _conditions(self, k: int, cond: Tensor) -> Tensor:
        """(k + B, ...): k times "no condition", then cond. Equal steps get the same object, so that a network can cache
        its work on it."""
        if self._both is None or cond is not self._cond or len(self._both) != k + len(cond):
            self._cond, self._both = cond, torch.cat([self.null.expand(k, *self.null.shape[1:]), cond])
        return self._both


def _two(answers: Tensor, on: slice | list[int], k: int) -> tuple[Tensor, Tensor]:
    """Split (k + B, ...) outputs into unconditional and conditional, (B, ...) each; equal where guidance is off."""
    first, conditional = answers[:k], answers[k:]
    if k == len(conditional):
        return first, conditional
    unconditional = conditional.clone()
    unconditional[on] = first
    return unconditional, conditional


def from_noise(denoiser: Denoiser) -> Denoiser:
    """Recompute the clean estimate from the noise estimate, x_0 = (x_t - s_t eps) / a_t; needs a_t > 0.

    For a model that predicts noise this changes only the rounding. The published pipelines guide eps and then compute
    x_0; outside `guide` and inside `dynamic_threshold` it agrees with them bit for bit.
    """
    return _FromNoise(denoiser)


class _FromNoise(Technique):
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        return Prediction(self.schedule.x_0(x_t, t, p.eps), p.eps, p.v, p.parts)


GRADIENT = "gradient"
"""The name of grad log p(y | x_t) among a Prediction's parts."""
LogProb = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t) -> (B,) log p(y | x_t), differentiable in x_t."""


def classifier_guide(denoiser: Denoiser, log_prob: LogProb, scale: float | Tensor) -> Denoiser:
    """Classifier guidance, eps - w s_t grad log p(y | x_t) (Dhariwal & Nichol 2021, algorithm 2).

    Where a_t = 0, x_t is noise alone and tells nothing of the class: nothing is changed there. The gradient is added to
    the Prediction's parts.

    Args:
        scale: w; or (B,), one per sample.
    """
    return _ClassifierGuided(denoiser, log_prob, scale)


class _ClassifierGuided(Technique):
    def __init__(self, inner: Denoiser, log_prob: LogProb, scale: float | Tensor):
        super().__init__(inner)
        self.log_prob, self.scale = log_prob, scale

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            grad = torch.autograd.grad(self.log_prob(x, t).sum(), x)[0]
        a, s = self.schedule.at(t, x_t)
        w = per_sample(self.scale.to(x_t), x_t) if isinstance(self.scale, Tensor) else self.scale
        eps = p.eps - w * s * grad * (a > 0)
        x_0 = torch.where(a > 0, self.schedule.x_0(x_t, t, eps), p.x_0)
        return Prediction(x_0, eps, p.v, {**p.parts, GRADIENT: grad})


def autoguide(denoiser: Denoiser, weaker: Denoiser, scale: float) -> Denoiser:
    """Autoguidance, eps = eps_weak + w (eps - eps_weak) (Karras et al. 2024, eq. 3): away from a worse network's faults.

    Args:
        weaker: a smaller or less trained denoiser of the same data on the same path; it reads the same condition.
        scale: w; 1 is the denoiser itself, 0 the weaker one.
    """
    if scale == 0:
        return weaker
    return denoiser if scale == 1 else _Autoguided(denoiser, weaker, scale)


class _Autoguided(Technique):
    def __init__(self, inner: Denoiser, weaker: Denoiser, scale: float):
        super().__init__(inner)
        self.weaker, self.scale = weaker, scale
        self._cond, self._weak = None, None

    def encode(self, prompts: Sequence) -> Tensor:
        """Encode with the inner denoiser. The weaker one encodes the same prompts in its own way."""
        self._cond, self._weak = self.inner.encode(prompts), self.weaker.encode(prompts)
        return self._cond

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        q = self.weaker.predict(x_t, t, self._weak if cond is self._cond else cond)
        x_0, eps = (weak + self.scale * (ours - weak) for ours, weak in ((p.x_0, q.x_0), (p.eps, q.eps)))
        return Prediction(x_0, eps, p.v, {"weaker": q.eps, "stronger": p.eps})


def clip(denoiser: Denoiser, low: float, high: float) -> Denoiser:
    """Keep the clean estimate in [low, high]; the noise estimate follows, so that x_t = a x_0 + s eps still holds."""
    return _Bounded(denoiser, lambda x_0: x_0.clamp(low, high))


def dynamic_threshold(denoiser: Denoiser, ratio: float = 0.95, max_value: float = 1.5) -> Denoiser:
    """Clamp the clean estimate to its own quantile and rescale to [-1, 1] (Saharia et al. 2022, section 2.3).

    Args:
        ratio: the quantile of |x_0| over each image.
        max_value: the largest threshold; the smallest is 1.
    """

    def bound(x_0: Tensor) -> Tensor:
        q = torch.quantile(x_0.flatten(1).abs().float(), ratio, dim=1).clamp(1, max_value)
        q = per_sample(q.to(x_0.dtype), x_0)
        return x_0.clamp(-q, q) / q

    return _Bounded(denoiser, bound)


ALONE = ""
"""The name of a noise estimate that is not combined from others."""
THRESHOLDS = {"clip": "clip to [-1, 1]", "dynamic": "dynamic", "none": "none"}


def bounded(denoiser: Denoiser, threshold: str = "clip", ratio: float = 0.95, max_value: float = 1.5) -> Denoiser:
    """The denoiser with its clean estimate bounded, by a key of THRESHOLDS; ratio and max_value as `dynamic_threshold`.

    A noise estimate that is not combined from others becomes the part ALONE, for display.

    On a `Schedule.published` path the clean estimate is first recomputed by `from_noise`.
    """
    if denoiser.schedule.squared is not None:
        denoiser = from_noise(denoiser)
    if threshold == "dynamic":
        denoiser = dynamic_threshold(denoiser, ratio, max_value)
    elif threshold == "clip":
        denoiser = clip(denoiser, -1, 1)
    return _Named(denoiser)


class _Named(Technique):
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        return p if p.parts else replace(p, parts={ALONE: p.eps})


class _Bounded(Technique):
    def __init__(self, inner: Denoiser, bound: Callable[[Tensor], Tensor]):
        super().__init__(inner)
        self.bound = bound

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        x_0 = self.bound(p.x_0)
        return Prediction(x_0, self.schedule.eps(x_t, t, x_0), p.v, p.parts)
