"""Where each word of a prompt acts: the weights of cross-attention, recorded, scaled, or kept from another prompt.

    softmax(Q K^T / sqrt(d)) V,     Q (B, heads, N, d) from the N places of the picture, K, V (B, heads, L, d) from the L tokens

Row n of the softmax says how much place n takes from each token (Vaswani et al. 2017, eq. 1; Rombach et al. 2022, section
3.3). Fused attention gives no weights, so they are computed once more beside it, and the picture stays the same bit for bit.
Any module with an attribute `hook` can be watched; it is called instead of the attention, as a `Hook`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

import torch
from torch import Tensor, nn

from core.diffusion.denoiser import Denoiser, Prediction, Technique

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(q (B, heads, N, d), k (B, heads, L, d), v (B, heads, L, d)) -> (B, heads, N, d)."""
Hook = Callable[[str, Attend, Tensor, Tensor, Tensor], Tensor]
"""(name of the layer, its attention, q, k, v) -> (B, heads, N, d)."""


@contextmanager
def hooked(layers: Mapping[str, nn.Module], hook: Hook | None) -> Iterator[None]:
    """Inside, every layer calls the hook. Networks are shared: enter it for one network call, under its lock."""
    for name, layer in layers.items() if hook else ():
        layer.hook = partial(hook, name)
    try:
        yield
    finally:
        for layer in layers.values() if hook else ():
            layer.hook = None


def weights(q: Tensor, k: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) (B, heads, N, L) float32; rows sum to 1."""
    return (q.float() @ k.float().transpose(2, 3) * q.shape[-1] ** -0.5).softmax(-1)


def numbered(names: Sequence[str]) -> list[str]:
    """The names, with a number where one is there more than once: "down 8×8, 2"."""
    count = lambda i: f", {names[: i + 1].count(names[i])}" * (names.count(names[i]) > 1)  # noqa: E731
    return [name + count(i) for i, name in enumerate(names)]


# ---- words and their tokens ----


@dataclass(frozen=True)
class Word:
    """A word of a prompt and the places of its tokens; none if the model does not read it.

    Args:
        kind: "word", "start" for the token before the first, "end" for that after the last, "padding" for those after
            these. "picture" stands for the keys behind all tokens, of layers that attend to their own picture too.
    """

    text: str
    places: tuple[int, ...]
    kind: str = "word"


def read_only(words: Sequence[Word]) -> list[Word]:
    """The words that have tokens: those with a map."""
    return [word for word in words if word.places]


def places_of(words: Sequence[Word]) -> int:
    """L, the number of places of a prompt: every token belongs to one of its words, and so does the place "picture"."""
    return 1 + max((place for word in words for place in word.places), default=0)


def columns(prompts: Sequence[Sequence[Word]]) -> Tensor:
    """(B, L, W): 1 where token l belongs to word w of prompt b. W is the largest number of words in a prompt."""
    read = [read_only(words) for words in prompts]
    table = torch.zeros(len(read), max(map(places_of, read)), max(map(len, read)))
    for b, words in enumerate(read):
        for w, word in enumerate(words):
            table[b, list(word.places), w] = 1
    return table


# ---- changes ----


@dataclass(frozen=True)
class Weigh:
    """Scale the attention on some tokens, without normalising it again (Hertz et al. 2022, attention re-weighting).

    With 0 a token's values are left out of the sum; it still acts through the other tokens that were encoded beside it.

    Args:
        factors: (B, L); a row of ones is not touched. Keys behind these have 1.
    """

    factors: Tensor

    def rows(self, t: float) -> list[int]:
        """The pictures whose attention it changes at timestep t."""
        return (self.factors != 1).any(1).nonzero().flatten().tolist()

    def used(self, own: Tensor, row: int) -> Tensor:
        """The weights (heads, N, K) that picture `row` uses, from those of all pictures (B, heads, N, K), K >= L."""
        factors = torch.nn.functional.pad(self.factors[row], (0, own.shape[-1] - self.factors.shape[1]), value=1.0)
        return own[row] * factors.to(own)


@dataclass(frozen=True)
class Keep:
    """At first, one picture uses the attention of another picture in the batch (Hertz et al. 2022, word swap and
    refinement).

    Args:
        source, target: the two pictures.
        partner: (L,) for every token of the target the one of the source whose map it takes, -1 for its own.
        above: it is on at timesteps above this one.
    """

    source: int
    target: int
    partner: Tensor
    above: float

    def rows(self, t: float) -> list[int]:
        """The pictures whose attention it changes at timestep t."""
        return [self.target] if t > self.above else []

    def used(self, own: Tensor, row: int) -> Tensor:
        """The weights (heads, N, K) that picture `row` uses, from those of all pictures, K >= L; rows sum to 1."""
        partner = torch.nn.functional.pad(self.partner, (0, own.shape[-1] - len(self.partner)), value=-1).to(own.device)
        taken = torch.where(partner >= 0, own[self.source][..., partner], own[row])
        return taken / taken.sum(-1, keepdim=True)


def partners(source: Sequence[Word], target: Sequence[Word]) -> Tensor:
    """(L,) for every token of the target the one of the source that stands for it, -1 if there is none.

    Words that both prompts have stand for each other, and so does a word for that in its place. A picture's attention to
    itself stands for no other's.
    """
    table = torch.full((places_of(target),), -1)
    a, b = ([w for w in read_only(words) if w.kind != "picture"] for words in (source, target))
    pairs = SequenceMatcher(None, [(w.kind, w.text) for w in a], [(w.kind, w.text) for w in b], autojunk=False)
    for what, i, i_end, j, j_end in pairs.get_opcodes():
        if what == "equal" or (what == "replace" and i_end - i == j_end - j):
            for one, other in zip(a[i:i_end], b[j:j_end], strict=True):
                last = len(one.places) - 1
                for n, place in enumerate(other.places):
                    table[place] = one.places[min(n, last)]
    return table


# ---- the recorder ----


class Recorder:
    """A hook that keeps the attention of the last network call, by layer, and changes it if it is told to.

    A call's batch ends with the pictures' own prompts: `core.diffusion.guidance.guide` puts "no condition" before them, and
    those rows are neither kept nor changed.

    Args:
        columns: (B, L, W) of `columns`; the maps of a word's tokens are summed. The last place stands for all keys from
            there on.
        changes: each of other pictures.
    """

    def __init__(self, columns: Tensor, changes: Sequence[Weigh | Keep] = ()):
        self.columns, self.changes, self.t = columns, changes, 0.0
        self.maps: dict[str, Tensor] = {}

    def __call__(self, layer: str, attend: Attend, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The attention (B, heads, N, d). Maps have the attention before it is weighed, and that which is kept."""
        out, n = attend(q, k, v), len(self.columns)
        own = weights(q[-n:], k[-n:])
        for change, row in [(c, row) for c in self.changes for row in c.rows(self.t)]:
            used = change.used(own, row)
            out[len(out) - n + row] = (used @ v[len(v) - n + row].float()).to(out.dtype)
            if isinstance(change, Keep):
                own[row] = used
        table, last = self.columns.to(own)[:, None], self.columns.shape[1] - 1  # (B, 1, L, W)
        rest = own[..., last:].sum(-1, keepdim=True)
        self.maps[layer] = own[..., :last] @ table[..., :last, :] + rest * table[..., last:, :]  # (B, heads, N, W)
        return out

    def take(self) -> dict[str, Tensor]:
        """The maps since the last time, (B, heads, N, W) by layer; they sum to 1 over W."""
        maps, self.maps = self.maps, {}
        return maps


def timed(denoiser: Denoiser, recorder: Recorder) -> Denoiser:
    """The denoiser, telling the recorder the timestep of every call."""
    return _Timed(denoiser, recorder)


class _Timed(Technique):
    def __init__(self, inner: Denoiser, recorder: Recorder):
        super().__init__(inner)
        self.recorder = recorder

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        self.recorder.t = float(t.max())
        return self.inner.predict(x_t, t, cond)


def lend(denoiser: Denoiser, count: int, source: int, targets: Sequence[int], above: float, place: int = 0) -> Denoiser:
    """Pictures get the condition of another one of the batch at one place, at timesteps above `above`.

    Args:
        count: the number of pictures: a call's batch ends with them.
        source, targets: their rows.
        place: the token that changes hands, by default the one that stands for the whole prompt.
    """
    return _Lent(denoiser, count, source, targets, above, place) if targets else denoiser


class _Lent(Technique):
    def __init__(self, inner: Denoiser, count: int, source: int, targets: Sequence[int], above: float, place: int):
        super().__init__(inner)
        self.count, self.source, self.targets, self.above, self.place = count, source, list(targets), above, place

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        if float(t.max()) > self.above:
            cond, first = cond.clone(), len(cond) - self.count
            for row in self.targets:
                cond[first + row, self.place] = cond[first + self.source, self.place]
        return self.inner.predict(x_t, t, cond)
