"""Pocket's photos of the kinds that it knows by name: how often the kind is right, and how like photos they are.

A part of `benchmarks.pocket_quality`.
"""

import functools
from collections.abc import Sequence

from torch import Tensor

from benchmarks.pocket_judges import classes, judged, named_right, to_training
from benchmarks.pocket_styles import Bench
from core.datasets.pictures import HELD_OUT, SIDE, photos, with_article
from core.models.scores import Statistics

GUIDANCES = (3.0, 5.0, 7.0)
TRIED = 2  # samples of each kind by which the guidance is chosen
APART = 10_000  # from their seeds to those of the samples that are counted


@functools.cache
def tiles_of(names: tuple[str, ...]) -> Tensor:
    """The photos of those kinds, (K, 500, 64, 64, 3) uint8."""
    return photos()[0][classes(names)]


def of_all_kinds(names: Sequence[str], n: int) -> tuple[list[str], Tensor]:
    """n prompts for photos, of one kind after the other and then from the first again, and their classes (n,)."""
    kinds = [names[k % len(names)] for k in range(n)]
    return prompts_of(kinds, 1), classes(kinds)


def prompts_of(names: list[str], each: int) -> list[str]:
    """`each` prompts for photos of every kind, one kind after the other."""
    return [f"a photo of {with_article(name)}" for name in names for _ in range(each)]


def asked(names: list[str], each: int) -> Tensor:
    """(K each,) the classes that `prompts_of` asks for."""
    return classes(names).repeat_interleave(each)


def kinds(bench: Bench) -> dict:
    """Photos of the kinds on the card at the guidance that is best: by the classifier, of all 200 kinds, and Frechet.

    The guidance is chosen by other samples than those that are counted: TRIED of each kind, by how often the kind is among
    the first five. The distance is that to the training photos of the same kinds; its floor is that of as many photos that
    were held out.
    """
    names, by_guidance = bench.card["photos"], {}
    for guidance in GUIDANCES:
        _, logits = judged(bench.samples(prompts_of(names, TRIED), guidance))
        by_guidance[f"{guidance:g}"] = row = named_right(logits, asked(names, TRIED))
        print(f"kinds, guidance {guidance:g}: right {row['top_1']:.1%}, among five {row['top_5']:.1%}, of {row['n']}")
    best = max(GUIDANCES, key=lambda w: (by_guidance[f"{w:g}"]["top_5"], by_guidance[f"{w:g}"]["top_1"]))
    each = bench.args.per_kind
    prompts = prompts_of(names, each)
    pixels = bench.samples(prompts, best, apart=APART)
    bench.keep(prompts, pixels)
    features, logits = judged(pixels)
    found = named_right(logits, asked(names, each)) | {"guidance": best, "kinds": len(names), "chosen_by": by_guidance}
    found |= distances(features, names, each) | {"right_of": by_kind(logits, names, each)}
    print("kinds, guidance {guidance:g}: right {top_1:.1%}, among five {top_5:.1%}, of {n}; Frechet {frechet} to their own "
          "kinds (as many held-out photos {frechet_floor})".format(**found))  # fmt: skip
    return found


@functools.cache
def trained_on(names: tuple[str, ...]) -> Statistics:
    """The training photos of those kinds in the classifier's features."""
    return Statistics.of(judged(tiles_of(names)[:, :-HELD_OUT].reshape(-1, SIDE, SIDE, 3).numpy())[0])


def distances(features: Tensor, names: list[str], each: int) -> dict:
    """The Frechet distance of features (K each, F) to the training photos of the same kinds, and that of held-out ones."""
    train = trained_on(tuple(names))
    real = tiles_of(tuple(names))[:, -HELD_OUT:][:, :each].reshape(-1, SIDE, SIDE, 3).numpy()
    return {"frechet": to_training(features, train), "frechet_floor": to_training(judged(real)[0], train)}


def by_kind(logits: Tensor, names: list[str], each: int) -> dict[str, float]:
    """The share of each kind's photos whose kind is among the first five, the best kinds first."""
    hits = (logits.topk(5, 1).indices == asked(names, each)[:, None]).any(1).float().view(-1, each).mean(1).tolist()
    return {name: round(hit, 2) for hit, name in sorted(zip(hits, names, strict=True), reverse=True)}
