"""Visual anagrams and hybrids: one picture with several readings, as functions from Denoiser to Denoiser.

Both ask the network about every prompt in one call and put one estimate together. Their conditioning is
(B, n, ...), for n prompts per sample: `encode` takes tuples of n prompts. They combine both ends of the path,
x_0 and eps, by the same linear formula, so that x_t = a_t x_0 + s_t eps still holds, also where a_t = 0.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.guidance import guide
from core.diffusion.noise import Generators, randn
from core.diffusion.schedule import Schedule
from core.techniques.splits import Component, Split, frequencies
from core.techniques.views.catalogue import View


class _Several(Technique):
    """Base: n questions to one denoiser, as rows in the order of the questions (n B, ...)."""

    def __init__(self, inner: Denoiser, n: int):
        super().__init__(inner)
        self.n = n
        self._cond, self._rows = None, None

    def encode(self, prompts: Sequence) -> Tensor:
        """(B, n, ...) of B tuples of n prompts; a prompt by itself, or None, is asked n times.

        Raises:
            Refused: a tuple has another length.
        """
        rows = [p if isinstance(p, tuple | list) else [p] * self.n for p in prompts]
        for row in rows:
            if len(row) != self.n:
                raise Refused(f"{self.n} prompts are needed, not {len(row)}.")
        return self.inner.encode([p for row in rows for p in row]).unflatten(0, (len(rows), self.n))

    def ask(self, x: Sequence[Tensor], t: Tensor, cond: Tensor) -> list[Prediction]:
        """One network call on n states (B, ...), at t (B,), given cond (B, n, ...): n Predictions."""
        if cond is not self._cond:  # one object in all steps of a run, as in guidance
            self._cond, self._rows = cond, cond.transpose(0, 1).flatten(0, 1)
        p = self.inner.predict(torch.cat(list(x)), t.repeat(self.n), self._rows)
        v = p.v.chunk(self.n) if p.v is not None else [None] * self.n
        return [Prediction(*ends) for ends in zip(p.x_0.chunk(self.n), p.eps.chunk(self.n), v, strict=True)]


def _total(terms: Sequence[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    return sum(w * term for w, term in zip(weights or [1.0] * len(terms), terms, strict=True))


def _scale_for(scale: float | Tensor, n: int) -> float | Tensor:
    """Guidance for n questions per sample."""
    return scale.repeat(n) if isinstance(scale, Tensor) else scale


def anagram(
    denoiser: Denoiser,
    views: Sequence[View],
    scale: float | Tensor = 1.0,
    negative: object = None,
    reduction: str = "mean",
    weights: Sequence[float] | None = None,
    timesteps: Sequence[int] = (),
) -> Denoiser:
    """A picture that shows prompt i in view i (visual anagrams, Geng et al. 2024, parallel denoising).

        eps = sum_i w_i view_i^-1(eps(view_i(x_t), t, prompt_i)),     sum_i w_i = 1

    All views and both halves of the guidance are one network call, on 2 n B rows. The learned variance is taken
    back and averaged likewise. The Prediction's parts are the views' noise estimates, taken back.

    Args:
        views: n of them.
        scale: guidance, a number or (B,), one per sample.
        negative: the prompt that takes the place of "no condition".
        reduction: "mean", or "alternate": one view per step, by the timestep's place in `timesteps`.
        weights: n numbers from 0, in proportion to which the views count; alike by default.
        timesteps: the sampler's, descending; for "alternate" only.

    Raises:
        Refused: no view, weights that do not fit, or a reduction that does not exist.
    """
    n = len(views)
    if not n:
        raise Refused("An anagram needs at least one view.")
    if reduction == "alternate":
        if weights is not None or not len(timesteps):
            raise Refused("Alternating views take the sampler's timesteps and no weights.")
        return _Alternating(guide(denoiser, scale, negative), views, timesteps)
    if reduction != "mean":
        raise Refused(f"The reduction must be mean or alternate, not {str(reduction)[:40]!r}.")
    weights = [1.0] * n if weights is None else [float(w) for w in weights]
    if len(weights) != n or not all(w >= 0 for w in weights) or not 0 < sum(weights) < float("inf"):
        raise Refused(f"{n} views take {n} weights from 0, not all of them 0.")
    return _Anagram(guide(denoiser, _scale_for(scale, n), negative), views, [w / sum(weights) for w in weights])


class _Anagram(_Several):
    def __init__(self, inner: Denoiser, views: Sequence[View], weights: Sequence[float]):
        super().__init__(inner, len(views))
        self.views, self.weights = views, weights

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        answers = self.ask([view.apply(x_t) for view in self.views], t, cond)
        seen = list(zip(self.views, answers, strict=True))
        eps = [view.invert(p.eps) for view, p in seen]
        x_0 = _total([view.invert(p.x_0) for view, p in seen], self.weights)
        v = None
        if answers[0].v is not None:
            v = _total([view.invert_variance(p.v) for view, p in seen], self.weights)
        parts = {f"{k}. {view.title}": e for k, (view, e) in enumerate(zip(self.views, eps, strict=True), 1)}
        return Prediction(x_0, _total(eps, self.weights), v, parts)


class _Alternating(_Several):
    """One view per step; which, follows from t alone, so a run can be stopped, repeated and batched."""

    def __init__(self, inner: Denoiser, views: Sequence[View], timesteps: Sequence[int]):
        super().__init__(inner, len(views))
        self.views, self.timesteps = views, torch.tensor(list(timesteps), device=inner.device)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        place = (self.timesteps > t[:, None]).sum(1) % self.n  # (B,)
        seen = self._by_row(x_t, place, lambda view: view.apply)
        p = self.inner.predict(seen, t, cond[torch.arange(len(cond), device=cond.device), place])
        x_0, eps = (self._by_row(end, place, lambda view: view.invert) for end in (p.x_0, p.eps))
        v = self._by_row(p.v, place, lambda view: view.invert_variance) if p.v is not None else None
        return Prediction(x_0, eps, v, {"this step's view": eps})

    def _by_row(self, x: Tensor, place: Tensor, of: Callable[[View], Component]) -> Tensor:
        """All views of all rows, and of each row the one that is meant: views are cheap, and nothing waits for `place`."""
        every = torch.stack([of(view)(x) for view in self.views])  # (n, B, C, H, W)
        return every[place, torch.arange(len(x), device=x.device)]


def hybrid(
    denoiser: Denoiser, split: Split | None = None, scale: float | Tensor = 1.0, negative: object = None
) -> Denoiser:
    """A picture whose component i comes from prompt i (factorized diffusion, Geng et al. 2024).

        eps = sum_i f_i(eps(x_t, t, prompt_i)),     sum_i f_i = 1

    All prompts and both halves of the guidance are one network call; the learned variance is averaged. The
    Prediction's parts are the components of the noise estimate, by name.

    Args:
        split: of `core.techniques.splits`; low and high frequencies by default.
        scale, negative: as in `anagram`.
    """
    split = frequencies() if split is None else split
    return _Hybrid(guide(denoiser, _scale_for(scale, len(split)), negative), split)


class _Hybrid(_Several):
    def __init__(self, inner: Denoiser, split: Split):
        super().__init__(inner, len(split))
        self.split = split

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        answers = self.ask([x_t] * self.n, t, cond)
        named = list(zip(self.split.items(), answers, strict=True))
        parts = {name: f(p.eps) for (name, f), p in named}
        x_0 = _total([f(p.x_0) for (_, f), p in named])
        v = torch.stack([p.v for p in answers]).mean(0) if answers[0].v is not None else None
        return Prediction(x_0, _total(list(parts.values())), v, parts)


def inverse_constraint(
    schedule: Schedule, component: Component, picture: Tensor, source: Generators
) -> Callable[[Tensor, Tensor], Tensor]:
    """Keep one component of a given picture: a constraint for `core.diffusion.samplers.ddim` (Geng et al. 2024, inverse hybrids).

        x_t' <- x_t' - f(x_t') + f(a_t' picture + s_t' z),     z ~ N(0, I)

    Args:
        component: f, a map of a split of `core.techniques.splits`.
        picture: (B, C, H, W), in the model's range.
        source: draws z, one tensor per step.
    """

    def constrain(x: Tensor, t: Tensor) -> Tensor:
        noisy = schedule.forward(picture.expand_as(x), t, randn(x.shape, source, x.device).to(x.dtype))
        return x - component(x - noisy)

    return constrain
