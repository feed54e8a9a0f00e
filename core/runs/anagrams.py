"""Visual anagrams: what is asked for, and their run as Steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from core.checks import Refused, real, several
from core.diffusion.guidance import bounded
from core.diffusion.noise import MAX_SEED
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import load
from core.pictures import images
from core.runs.enlarging import Larger
from core.runs.frame import Frame
from core.runs.plan import in_pixels
from core.runs.request import SEEDS, Choice, Kind, Prompt, Request, Text, Whole, asked
from core.runs.two_readings import TwoReadings, TwoReadingsRequest, prompts_kind, there_and_back
from core.techniques.illusions import anagram
from core.techniques.views.catalogue import MAX_VIEWS, VIEWS, View, view_of, views_of

REDUCTIONS = {"mean": "mean of all views at every step", "alternate": "one view per step, in turn"}
MAX_WEIGHT = 10.0
ORDERED = sorted(VIEWS, key=lambda name: (name != "flip", not VIEWS[name].legal))
OFFERED = {name: VIEWS[name].title + " (not legal)" * (not VIEWS[name].legal) for name in ORDERED}
"""View -> its title in lists; flip first, the views that are not legal last."""


@dataclass(frozen=True)
class Views(Kind):
    """A view for each prompt, "" if missing. The first is "identity" and has no parameter."""

    def check(self, value: object, request: Request) -> tuple[str, ...]:
        given = several(value, MAX_VIEWS, "views")
        for name in filter(None, given):
            view_of(name)
        return tuple(name or "" for name in given)

    def part(self, name: str) -> Choice:
        none = {} if name == self.parts[0] else {"": "none"}
        return Choice(name.replace("_", " ").capitalize(), "How to look.", options=none | OFFERED, listed=True)

    def joined(self, values: Sequence) -> list:
        return ["identity", *values]

    def as_widget(self, value: Sequence[str]) -> list[str]:
        return super().as_widget(value[1:])


def weights_of(value: object) -> tuple[float, ...]:
    """Weights from text such as "1, 0.5" or from a list; () for no text. Raises Refused."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    parts = [] if parts is None else parts if isinstance(parts, list | tuple) else [parts]
    return tuple(real(w, 0, MAX_WEIGHT, "Every weight") for w in parts)


@dataclass(frozen=True, kw_only=True)
class AnagramRequest(TwoReadingsRequest):
    """One picture that shows prompt k in view k.

    Args:
        prompts: 2 to 4.
        views: as many keys of `core.techniques.views.catalogue.VIEWS`; the first is usually "identity".
        weights: one from 0 to 10 per view, or none for equal weights. Only the reduction "mean" uses them.
        reduction: a key of REDUCTIONS.
        view_seed: shuffles the views that have a seed.
    """

    KIND = "anagram"
    ORDER = (
        "style", "prompt_1", "prompt_2", "view_2", "prompt_3", "view_3", "prompt_4", "view_4", "n", "steps", "guidance",
        "seed", "model", "sampler", "reduction", "weights", "view_seed",
    )  # fmt: skip
    prompts: tuple[str, ...] = asked(
        ("a balloon", "a teapot"),
        prompts_kind(
            Prompt("Prompt 1: as it is", "What the picture shows before it is touched."),
            Prompt("Prompt 2", "What it shows then."),
            Prompt("Prompt 3", "Empty for none."),
            Prompt("Prompt 4", "Empty for none."),
        ),
    )
    views: tuple[str, ...] = asked(("identity", "flip"), Views("Views", parts=("view_2", "view_3", "view_4")))
    weights: tuple[float, ...] = asked(
        (),
        Text(
            "Weights of the views",
            f"One number from 0 to {MAX_WEIGHT:g} per view, such as 1, 0.5; more shows that view more. Empty: alike.",
            read=weights_of,
            write=lambda weights: ", ".join(f"{w:g}" for w in weights),
        ),
    )
    reduction: str = asked(
        "mean",
        Choice(
            "How the views are joined",
            "The mean asks about all views at every step; taking turns about one: cheaper, rougher.",
            "The reduction",
            options=REDUCTIONS,
        ),
    )
    view_seed: int = asked(
        1,
        Whole(
            "Seed of the views",
            f"{SEEDS}; shuffles the patches, pixels and jigsaw anew.",
            high=MAX_SEED,
            slider=False,
        ),
    )

    def agreed(self) -> "AnagramRequest":
        """Check 2 to 4 prompts with one view each, and as many weights or none. Empty later rows are left out.

        Raises:
            Refused: a prompt, a view or a weight is missing.
        """
        rows = enumerate(zip_longest(self.prompts, self.views, fillvalue=""), 1)
        kept = [_row(k, prompt, view) for k, (prompt, view) in rows if k <= 2 or prompt or view]
        if len(kept) < 2:
            raise Refused(f"An anagram needs 2 to {MAX_VIEWS} prompts, and a view for each.")
        given, names = zip(*kept, strict=True)
        if self.weights and (len(self.weights) != len(kept) or not any(self.weights)):
            raise Refused(f"Give {len(kept)} weights, one per view and not all of them 0, or none at all.")
        return replace(self, prompts=given, views=names)

    @property
    def seen_through(self) -> list[View]:
        """The views themselves."""
        return views_of(self.views, self.view_seed)


def _row(k: int, prompt: str, view: str) -> tuple[str, str]:
    """Prompt k and its view. Raises Refused if one of them is missing."""
    if not view:
        raise Refused(f"Prompt {k} has no view: choose one, or clear the prompt.")
    if not prompt:
        raise Refused(f"Prompt {k} is missing: what should the view “{VIEWS[view].title}” show?")
    return prompt, view


@dataclass(frozen=True, kw_only=True)
class LargerAnagram(Larger):
    """One picture of an anagram, 256 pixels wide. Stage II estimates the noise in every view, with equal weights."""

    of: "Anagrams"

    @property
    def prompts(self) -> Sequence[str]:
        return self.of.prompts

    @property
    def lane_titles(self) -> Sequence[str]:
        return self.of.lane_titles

    @property
    def beside(self) -> int:
        return 2

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return self.of.readings(frame.x_0)

    @property
    def asked(self) -> tuple[str, ...]:
        return tuple(self.prompts)

    @property
    def views(self) -> dict:
        return {"views": self.of.request.seen_through}


@dataclass(frozen=True, kw_only=True)
class Anagrams(TwoReadings):
    """Anagrams that run together."""

    FILM = "turning"
    LARGER = LargerAnagram

    request: AnagramRequest

    @property
    def questions(self) -> int:
        return 1 if self.request.reduction == "alternate" else len(self.request.views)

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps; the pictures are shown before the first view is applied."""
        r, model = self.request, load(self.request.model, device)
        timesteps = model.schedule.timesteps(r.steps)
        joined = anagram(
            model,
            r.seen_through,
            r.guidance,
            reduction=r.reduction,
            weights=r.weights or None if r.reduction == "mean" else None,
            timesteps=timesteps,
        )
        x, source = self.noise(model)
        joined = bounded(joined)
        cond = joined.encode([tuple(self.prompts)] * r.n)
        return in_pixels(joined, TEXT_SAMPLERS[r.sampler].run(joined, x, visits_together(timesteps, r.n), cond, source))

    @property
    def caption(self) -> str:
        r = self.request
        titles = "; ".join(f"{v.title.lower()} “{p}”" for v, p in zip(r.seen_through, r.prompts, strict=True))
        joined = "" if r.reduction == "mean" else "; one view per step"
        illegal = "; a view that is not legal" if not all(v.legal for v in r.seen_through) else ""
        return f"{r.model}: {titles}; {self.how}{joined}{illegal}."

    @property
    def lane_titles(self) -> Sequence[str]:
        """What each view shows: "Upside down: a rabbit face"."""
        return [f"{v.title}: {p}" for v, p in zip(self.request.seen_through, self.request.prompts, strict=True)]

    def readings(self, pixels: np.ndarray) -> list[np.ndarray]:
        return [np.stack(lane) for lane in zip(*map(self.seen, pixels), strict=True)]

    def seen(self, pixels: np.ndarray) -> list[np.ndarray]:
        """One picture (H, W, C) uint8 in each of its views."""
        return [view.tween(pixels, 2)[-1] for view in self.request.seen_through]

    def turning(self, pixels: np.ndarray, n: int = 25, factor: int = 4) -> list[list[np.ndarray]]:
        """Per further view, n frames (factor H, factor W, C) uint8 from the first view to that one."""
        others = self.request.seen_through[1:]
        at, *ends = (images.enlarge(p, factor) for p in self.seen(pixels))
        if self.request.views[0] == "identity":
            return [[*view.tween(at, n)[:-1], end] for view, end in zip(others, ends, strict=True)]
        fades = [np.linspace(0, 1, n)[:, None, None, None] * (end.astype(float) - at) + at for end in ends]
        return [list(np.rint(fade).astype(np.uint8)) for fade in fades]

    def sheets(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Each picture in all its views, side by side."""
        return [images.grid(np.stack(self.seen(p)), len(self.request.views)) for p in pixels]

    def film(self, pixels: np.ndarray) -> list[np.ndarray]:
        return [frame for move in self.turning(pixels) for frame in there_and_back(move)]
