"""Words in the picture: where each word of a prompt acts by cross-attention; a word weighed; a word swapped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.checks import Refused
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import generators, randn, seeds
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import load, schedule_of
from core.pictures.images import grid
from core.runs.fields import GUIDANCE, MODEL, PROMPT, SAMPLER, SEED, STEPS
from core.runs.frame import Frame
from core.runs.plan import Plan, in_pixels
from core.runs.prompts import about_maps, placed, summed
from core.runs.request import Request, Text, Whole, asked
from core.runs.word_factors import by_token, factors_of, read_factors
from core.runs.word_maps import average, tiles, with_maps
from core.techniques.attention import Keep, Recorder, Weigh, Word, columns, lend, partners, read_only, timed
from core.wording import clipped, counted

FACTORS = Text(
    "Weigh words",
    "-2 to 3 each: red 2, apple#2 0 for the second apple, (padding) 0. Sliders under the maps fill it in.",
    "The factors on words",
    read=read_factors,
    partial=True,
)
KEEP = Whole("Keep for the first … % of the steps", "0 to 100: 0 is the plain new prompt, 100 keeps to the end.",
             "The share of the steps", low=0, high=100, step=5)  # fmt: skip
MAPS = (
    "A map shows the share that every place takes from a word's tokens by attention, {over}; at a place the shares add up "
    "to 100 %."
)
LADDER = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class WordsRequest(Request):
    """What to draw, which words to weigh, and which prompt to swap to.

    Args:
        n: the number of pictures of the plain run.
        weights: factors on words, as `core.runs.word_factors` reads them where they are used.
        other: the prompt that the words are swapped for.
        keep: for how many percent of the steps the first prompt's maps are kept.
    """

    KIND = "words"
    prompt: str = asked("an emoji of a red apple", PROMPT)
    n: int = asked(
        1,
        Whole(
            "Pictures",
            "1 to 4, each from its own noise; of one, every head too.",
            "The number of pictures",
            low=1,
            high=4,
        ),
    )
    weights: str = asked("red 3", FACTORS)
    other: str = asked(
        "an emoji of a green apple", replace(PROMPT, label="Swap for", info="The prompt after the swap.")
    )
    keep: int = asked(50, KEEP)
    guidance: float = asked(3.0, replace(GUIDANCE, low=1.0, info="1 to 20: 1 obeys the prompt, more insists."))
    seed: int = asked(180, SEED)
    model: str = asked("pocket", MODEL)
    sampler: str = asked("ddim", SAMPLER)
    steps: int = asked(30, STEPS)

    def agreed(self) -> "WordsRequest":
        """Raises Refused if the model's attention cannot be watched."""
        if not placed(self.model, self.prompt):
            raise Refused(f"The attention of {self.model} cannot be watched: choose pocket.")
        return self

    def words(self, prompt: str) -> list[Word]:
        """The words of a prompt with their tokens."""
        return placed(self.model, prompt)


@dataclass(frozen=True, kw_only=True)
class Words(Plan):
    """Pictures of prompts that run together, with the maps of their words.

    Args:
        texts, seeds: the prompt and the seed of each picture.
        labels: what each picture is.
        attention, total: the factors of its tokens, in its attention and in the caption's sum; empty for all 1.
        kept, lent: the pictures that keep the first one's attention and its caption's sum, in the first steps.
    """

    request: WordsRequest
    texts: tuple[str, ...]
    seeds: tuple[int, ...]
    labels: tuple[str, ...]
    attention: tuple[tuple[float, ...], ...] = ()
    total: tuple[tuple[float, ...], ...] = ()
    kept: tuple[int, ...] = ()
    lent: tuple[int, ...] = ()

    @property
    def prompts(self) -> Sequence[str]:
        return tuple(dict.fromkeys(self.texts))

    @property
    def count(self) -> int:
        return len(self.texts)

    @property
    def down(self) -> Sequence[str]:
        return self.labels if self.count > 1 else ()

    @property
    def columns(self) -> int:
        return 1

    @property
    def read(self) -> list[list[Word]]:
        """The words of each picture that have a map."""
        return [read_only(self.request.words(text)) for text in self.texts]

    @property
    def most(self) -> int:
        """The largest number of maps of a picture."""
        return max(map(len, self.read))

    @property
    def across(self) -> Sequence[str]:
        heads = [dict.fromkeys(w.text for w in words) for words in zip(*self.read, strict=False)]
        return ["picture", *(" / ".join(names) for names in heads)] if len({*map(len, self.read)}) == 1 else ()

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    def cost(self) -> tuple[int, float]:
        return self.request.steps, halves(self.request.guidance) * self.count

    @property
    def titles(self) -> Sequence[str]:
        return [f"{k:02d}-seed-{s}" for k, s in enumerate(self.seeds, 1)]

    @property
    def caption(self) -> str:
        r, texts = self.request, " and ".join(f"“{clipped(p, 200)}”" if p else "no prompt" for p in self.prompts)
        how = f"{TEXT_SAMPLERS[r.sampler].title}, {counted(r.steps)}; guidance {r.guidance:g}; seed {r.seed}"
        done = f" Kept for the first {r.keep} % of the steps." * bool(self.kept)
        if self.attention:
            named = ", ".join(str(f).rpartition(" ")[0] for f in factors_of(r.weights))
            done = f" Weighed: {named if self.experiment == 'ladder' else r.weights}."
        before = ", before it is weighed" * bool(self.attention)
        maps = MAPS.format(over=f"the mean over layers and heads unless one is chosen{before}")
        return " ".join(filter(None, [f"{r.model}: {texts}; {how}.{done}", maps, about_maps(r.model, self.texts[-1])]))

    # ---- the run ----

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(self.request.model, device)
        visits = model.schedule.timesteps(r.steps)
        recorder = Recorder(columns([r.words(t) for t in self.texts]), self.changes())
        seen = timed(model.watched(recorder), recorder)
        guided = bounded(guide(lend(seen, self.count, 0, self.lent, self.until), r.guidance))
        cond = guided.encode([text or None for text in self.texts])
        if self.total:
            cond = model.weigh(cond, self.texts, torch.tensor(self.total))
        source = [generators(s, 1)[0] for s in self.seeds]
        x = randn((self.count, *model.shape), source, model.device)
        steps = TEXT_SAMPLERS[r.sampler].run(guided, x, visits_together(visits, self.count), cond, source)
        return with_maps(in_pixels(guided, steps), recorder, heads=self.count == 1)

    @property
    def until(self) -> float:
        """The timestep down to which, itself left out, the first picture's maps are kept."""
        visits = schedule_of(self.request.model).timesteps(self.request.steps)
        n = round(self.request.keep * len(visits) / 100)
        return float("inf") if not n else [*visits, -1][n]

    def changes(self) -> list[Weigh | Keep]:
        """The changes of the attention."""
        if self.attention:
            return [Weigh(torch.tensor(self.attention))]
        words = [self.request.words(text) for text in self.texts]
        return [Keep(0, k, partners(words[0], words[k]), self.until) for k in self.kept]

    # ---- its files ----

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [frame.x_0, frame.x_t]

    def sheet(self, frame: Frame) -> np.ndarray:
        """A row for each picture: itself, then the maps of its words."""
        maps, white = average(frame, self.most), np.full_like(frame.x_0[0], 255)
        rows = []
        for k, (pixels, words) in enumerate(zip(frame.x_0, self.read, strict=True)):
            row = [pixels, *tiles(pixels, maps[k], len(words))]
            rows += [*row, *[white] * (1 + self.most - len(row))]
        return grid(np.stack(rows), 1 + self.most, gap=2)


def maps(r: WordsRequest) -> Words:
    """Pictures of the prompt from n noises."""
    each = seeds(r.seed, r.n)
    return Words(request=r, texts=(r.prompt,) * r.n, seeds=each, labels=tuple(f"seed {s}" for s in each))


def weigh(r: WordsRequest) -> Words:
    """One noise, with words weighed in each way, and in both. Raises Refused if there is nothing to weigh."""
    weighed = tokens_weighed(r, r.weights)
    plain = (1.0,) * len(weighed)
    labels = ("as it is", "weighed in the attention", "weighed in the caption's sum", "weighed in both")
    attention, total = (plain, weighed, plain, weighed), (plain, plain, weighed, weighed)
    if not summed(r.model):
        labels, attention, total = labels[:2], attention[:2], ()
    return Words(**same_noise(r, (r.prompt,) * len(labels)), labels=labels, attention=attention, total=total)


def ladder(r: WordsRequest) -> Words:
    """One noise, with the words that are weighed at every factor of LADDER, in every way. Raises Refused as `weigh`."""
    rows = tuple(tokens_weighed(r, ", ".join(str(replace(f, factor=c)) for f in factors_of(r.weights))) for c in LADDER)
    labels = tuple(f"× {c:g}{' (as it is)' * (c == 1)}" for c in LADDER)
    total = rows if summed(r.model) else ()
    return Words(**same_noise(r, (r.prompt,) * len(LADDER)), labels=labels, attention=rows, total=total)


def tokens_weighed(r: WordsRequest, text: str) -> tuple[float, ...]:
    """The factors of the prompt's tokens. Raises Refused if there is none, or one cannot be read."""
    if not factors_of(text):
        raise Refused("Weigh at least one word: move a slider under the maps, or write red 2.")
    return tuple(by_token(text, r.words(r.prompt)))


def swap(r: WordsRequest) -> Words:
    """One noise: the prompt, the other one, and the other one with what the first one had, kept for some steps.

    Raises Refused if there is no other one.
    """
    if not r.other:
        raise Refused("Write under “Swap for” what the prompt becomes.")
    labels = ("first prompt", "new prompt", "new, first maps kept")
    if not summed(r.model):
        return Words(**same_noise(r, (r.prompt, r.other, r.other)), labels=labels, kept=(2,))
    labels = (*labels, "new, first maps and sum kept")
    return Words(**same_noise(r, (r.prompt, r.other, r.other, r.other)), labels=labels, kept=(2, 3), lent=(3,))


def same_noise(r: WordsRequest, texts: tuple[str, ...]) -> dict:
    """The keywords of pictures from the same noise."""
    return {"request": r, "texts": texts, "seeds": (r.seed,) * len(texts)}


PLANS = {"maps": maps, "weigh": weigh, "ladder": ladder, "swap": swap}
"""Experiment -> function that makes its plan; the first is the plain run."""
