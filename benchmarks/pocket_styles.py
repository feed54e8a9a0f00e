"""Pocket's drawings by style: right in each style, right where the pair was never seen, and how alike five seeds are.

Judged against all drawings of `drawings256`, also those that were never trained on; a part of `benchmarks.pocket_quality`.
"""

import argparse
import functools
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.pocket_judges import blurred, share
from benchmarks.style_judge import StyleJudge
from core.datasets.five_styles import held_out, things, tiles
from core.datasets.pictures import with_article
from core.models.captions import DRAWING_STYLES
from core.runs.prompts import default_guidance

SEEDS = 5
SPREAD = 12  # things of which five seeds are drawn
SPREAD_GUIDANCES = (1.0, 3.0, 7.0)


class Bench(Protocol):
    """The part of `benchmarks.pocket_quality.Bench` that a task needs."""

    args: argparse.Namespace
    card: dict

    def samples(self, prompts: list[str], guidance: float, apart: int = 0) -> np.ndarray:
        """One picture per prompt, (N, 64, 64, 3) uint8, from seeds that begin `apart` from the first one."""

    def keep(self, prompts: list[str], pixels: np.ndarray) -> None:
        """Remember samples."""


@functools.cache
def real(style: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """All drawings of one style, (N, 64, 64, 3) uint8, and the places of their things; none that is missing."""
    kept = tuple(t.place for t in things() if t.drawn(style))
    return tiles(style)[list(kept)], kept


@functools.cache
def judge_of_styles() -> StyleJudge:
    """The judge that names the style of a drawing."""
    return StyleJudge.of({style: real(style)[0] for style in DRAWING_STYLES})


def nearest(pixels: np.ndarray, style: str) -> tuple[Tensor, list[int]]:
    """The nearest of all drawings of a style: its distance, (B,), and the places of the B things."""
    drawn, places = real(style)
    distance, at = torch.cdist(blurred(pixels), blurred(drawn)).min(1)
    return distance, [places[i] for i in at.tolist()]


def named(places: list[int], names: list[str]) -> list[bool]:
    """Whether each thing has the name asked for, or shares a name with the thing that has it."""
    every = things()
    called = {t.name: set(t.names) for t in every}
    return [bool(called[name] & set(every[place].names)) for place, name in zip(places, names, strict=True)]


def some(names: list[str], n: int) -> list[str]:
    """n of the names in an order of their own, or all: always the same."""
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    return [names[i] for i in order[:n]]


def prompts_of(style: str, names: list[str]) -> list[str]:
    """The prompts that ask for the things in a style."""
    return [DRAWING_STYLES[style].of(with_article(name)) for name in names]


def seen_in(card: dict) -> dict[str, list[str]]:
    """Style -> the things that a pocket was shown in it, from its card. An older pocket knows one style."""
    known = {t.name for t in things()}
    never = card.get("never_seen", {})
    return {
        style: [n for n in card["drawings"] if n in known and n not in never.get(style, ())]
        for style in card.get("styles") or ("emoji",)
    }


def styles(bench: Bench) -> dict:
    """Style -> the share of drawings whose nearest neighbour among all of that style is the thing asked for.

    As many names as --drawings says, of those that were seen in the style; and how often the style is right.
    """
    scale, judge, rows = default_guidance("pocket"), judge_of_styles(), {}
    for style, seen in seen_in(bench.card).items():
        names = some(seen, bench.args.drawings)
        prompts = prompts_of(style, names)
        pixels = bench.samples(prompts, scale)
        bench.keep(prompts, pixels)
        right = named(nearest(pixels, style)[1], names)
        rows[style] = {
            "right": share(right),
            "style": share([s == style for s in judge.named(pixels)]),
            "n": len(names),
            "missed": [n for n, ok in zip(names, right, strict=True) if not ok][:30],
        }
        print(
            "{}: right thing {right:.1%}, right style {style:.1%}, of {n}".format(
                DRAWING_STYLES[style].plain, **rows[style]
            )
        )
    return {"guidance": scale, "judge_of_styles": judge.accuracy} | rows


def never_seen(bench: Bench) -> dict:
    """Drawings of the pairs that we held out: how often the style is right, and the thing.

    The thing by two readings: the nearest of all drawings of that style, where the true one counts too, and of all
    drawings of all styles, where the same thing in another style counts as well.
    """
    scale, judge = default_guidance("pocket"), judge_of_styles()
    pairs = sorted(pair for pair in held_out() if pair[0] in bench.card["drawings"])
    prompts = [prompts_of(style, [name])[0] for name, style in pairs]
    pixels = bench.samples(prompts, scale)
    bench.keep(prompts, pixels)
    names, asked = [name for name, _ in pairs], [style for _, style in pairs]
    by_style = {style: nearest(pixels, style) for style in DRAWING_STYLES}
    own = [by_style[style][1][k] for k, style in enumerate(asked)]
    closest = torch.stack([distance for distance, _ in by_style.values()]).argmin(0).tolist()
    anywhere = [list(by_style.values())[s][1][k] for k, s in enumerate(closest)]
    row = {
        "style": share([a == b for a, b in zip(judge.named(pixels), asked, strict=True)]),
        "thing": share(named(own, names)),
        "thing_in_any_style": share(named(anywhere, names)),
        "n": len(pairs),
        "judge_of_styles": judge.accuracy,
    }
    print("never seen: right style {style:.1%}, right thing {thing:.1%} (in any style {thing_in_any_style:.1%}), of {n}; "
          "the judge of styles is right about {judge_of_styles:.1%} of real drawings".format(**row))  # fmt: skip
    return row


def spread(bench: Bench) -> dict:
    """How different the pictures of five seeds are, by style and guidance: 0 all alike, 1 as different as two things.

    The root mean square distance of pairs of seeds, as 32x32 means, divided by that of pairs of things in the same style.
    """
    rows = {}
    for style, seen in seen_in(bench.card).items():
        names = some(seen, SPREAD)
        prompts = [p for p in prompts_of(style, names) for _ in range(SEEDS)]
        rows[style] = {}
        for guidance in SPREAD_GUIDANCES:
            found = blurred(bench.samples(prompts, guidance)).view(len(names), SEEDS, -1)
            rows[style][f"{guidance:g}"] = round(distance_within(found) / distance_within(found.transpose(0, 1)), 3)
        print(f"{DRAWING_STYLES[style].plain}, {SEEDS} seeds: spread by guidance {rows[style]}")
    return {"things": SPREAD, "seeds": SEEDS} | rows


def distance_within(x: Tensor) -> float:
    """The root mean square distance of pairs within each of G groups, x (G, n, d)."""
    n = x.shape[1]
    return (x.var(1).sum(1).mean() * 2).sqrt().item() if n > 1 else 0.0
