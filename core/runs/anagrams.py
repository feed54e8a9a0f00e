"""A request for visual anagrams, checked once, carried inside every saved picture, run as Steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from core.checks import Refused, choice, real, whole
from core.diffusion.guidance import bounded
from core.diffusion.noise import MAX_SEED
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import load
from core.pictures import images
from core.runs.prompts import prompt_of
from core.runs.two_readings import Double, listed
from core.techniques.illusions import anagram
from core.techniques.views.catalogue import MAX_VIEWS, VIEWS, View, view_of, views_of

REDUCTIONS = {"mean": "mean of all views at every step", "alternate": "one view per step, in turn"}
MAX_WEIGHT = 10.0


@dataclass(frozen=True, kw_only=True)
class AnagramRequest(Double):
    """One picture that shows prompt k in view k.

    Args:
        prompts: 2 to 4.
        views: as many keys of `core.techniques.views.catalogue.VIEWS`; the first is usually "identity".
        weights: one from 0 to 10 per view, or none: alike. Only the mean takes notice.
        reduction: a key of REDUCTIONS.
        view_seed: shuffles the views that have a seed.
    """

    KIND = "anagram"
    prompts: tuple[str, ...] = ("a trophy", "a bell")
    views: tuple[str, ...] = ("identity", "flip")
    weights: tuple[float, ...] = ()
    reduction: str = "mean"
    view_seed: int = 1

    def _own_checks(self) -> dict:
        prompts, views = _paired(self.prompts, self.views)
        choice(self.reduction, REDUCTIONS, "The reduction")
        view_seed = whole(self.view_seed, 0, MAX_SEED, "The seed of the views")
        return {
            "prompts": prompts,
            "views": views,
            "weights": _weights(self.weights, len(views)),
            "view_seed": view_seed,
        }

    @property
    def seen_through(self) -> list[View]:
        """The views themselves."""
        return views_of(self.views, self.view_seed)

    def titles(self) -> list[str]:
        """What each view shows: "Upside down: a rabbit face"."""
        return [f"{v.title}: {p}" for v, p in zip(self.seen_through, self.prompts, strict=True)]

    def cost(self) -> tuple[int, int]:
        """(network calls, pictures in each)."""
        return self.cost_of(1 if self.reduction == "alternate" else len(self.views))

    def run(self, device: str = "auto") -> Iterator[Step]:
        """The sampler's Steps, x_t and x_0 (n, 3, 64, 64) in [-1, 1], as the first view has them before it looks."""
        model = load(self.model, device)
        timesteps = model.schedule.timesteps(self.steps)
        joined = anagram(
            model,
            self.seen_through,
            self.guidance,
            reduction=self.reduction,
            weights=self.weights or None if self.reduction == "mean" else None,
            timesteps=timesteps,
        )
        x, source = self.start(model)
        joined = bounded(joined)
        cond = joined.encode([tuple(map(self.styled, self.prompts))] * self.n)
        return TEXT_SAMPLERS[self.sampler].run(joined, x, visits_together(timesteps, self.n), cond, source)

    def seen(self, pixels: np.ndarray) -> list[np.ndarray]:
        """uint8 (H, W, C) in each of its views."""
        return [view.tween(pixels, 2)[-1] for view in self.seen_through]

    def turning(self, pixels: np.ndarray, n: int = 25, factor: int = 4) -> list[list[np.ndarray]]:
        """Per further view, n frames uint8 (factor H, factor W, C) from the first view to that one."""
        first, *others = self.seen_through
        at = images.enlarge(first.tween(pixels, 2)[-1], factor)
        ends = [images.enlarge(p, factor) for p in self.seen(pixels)[1:]]
        if self.views[0] == "identity":
            return [[*view.tween(at, n)[:-1], end] for view, end in zip(others, ends, strict=True)]
        fades = [np.linspace(0, 1, n)[:, None, None, None] * (end.astype(float) - at) + at for end in ends]
        return [list(np.rint(fade).astype(np.uint8)) for fade in fades]


def _paired(prompts: object, views: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """2 to MAX_VIEWS prompts and their views; a row past the second that is empty on both sides is left out."""
    rows = zip_longest(listed(prompts, MAX_VIEWS, "prompts"), listed(views, MAX_VIEWS, "views"), fillvalue="")
    kept = []
    for k, (text, view) in enumerate(rows, 1):
        prompt = prompt_of(text, f"Prompt {k}")
        if k > 2 and not prompt and not view:
            continue
        if not view:
            raise Refused(f"Prompt {k} has no view: choose one, or clear the prompt.")
        view_of(view)
        if not prompt:
            raise Refused(f"Prompt {k} is missing: what should the view “{VIEWS[view].title}” show?")
        kept.append((prompt, view))
    if len(kept) < 2:
        raise Refused(f"An anagram needs 2 to {MAX_VIEWS} prompts, and a view for each.")
    return tuple(zip(*kept, strict=True))


def _weights(value: object, n: int) -> tuple[float, ...]:
    """n weights, not all 0, from text such as "1, 0.5" or from a list; none for nothing."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    parts = [] if parts is None else parts if isinstance(parts, list | tuple) else [parts]
    numbers = tuple(real(w, 0, MAX_WEIGHT, "Every weight") for w in parts)
    if numbers and (len(numbers) != n or not any(numbers)):
        raise Refused(f"Give {n} weights, one per view and not all of them 0, or none at all.")
    return numbers
