"""Captions as word ids: a vocabulary, and remarks on words that are not in it."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

LENGTH = 12  # tokens of a caption, its start token included
PAD, START = 0, 1
SMALL = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "and", "to", "for", "is", "by", "up", "down", "off",
                   "over", "left", "done", "way"])  # fmt: skip
"""Words with little meaning; remarks ignore them."""
UNOFFERED = frozenset(["dyke", "hankey", "harambe", "poo", "poop", "shit"])
"""Words of the data that are understood but never suggested, since they do not suit a class."""
STYLES = {"emoji": "drawing", "drawing": "drawing", "photo": "photo", "picture": "photo"}
"""The words of a caption that name the kind of picture."""
ASKED = {"drawing": "an emoji of", "photo": "a photo of"}
"""The words that ask for each kind of picture."""


def words_of(text: str) -> list[str]:
    """Lower-case words without accents or punctuation: "Piñata, T-Rex" -> ["pinata", "t", "rex"]."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", "")).lower()
    return re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))


def singular(word: str) -> tuple[str, ...]:
    """A word and its possible singulars: "berries" -> "berries", "berrie", "berri", "berry"."""
    return word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)


class Vocabulary:
    """The words that a text encoder knows, with ids from 2 on; 0 pads and 1 starts every caption.

    Args:
        words: all known words, in the order of their ids.
        only: word -> "photo" or "drawing", for words that only one kind of picture had.
    """

    def __init__(self, words: Iterable[str], only: Mapping[str, str] = MappingProxyType({})):
        self.words, self.only = list(words), only
        self.ids = {word: i + 2 for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def known(self, word: str) -> str | None:
        """The known form of a word: itself, or its singular or plural; None if there is none."""
        return next((form for form in (*singular(word), word + "s") if form in self.ids), None)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, LENGTH) int64 ids without unknown words and words past the end; an empty text is "no caption"."""
        rows = torch.full((len(texts), LENGTH), PAD)
        for row, text in zip(rows, texts, strict=True):
            ids = [self.ids[form] for word in words_of(text) if (form := self.known(word))]
            row[: min(len(ids) + 1, LENGTH)] = torch.tensor([START, *ids])[:LENGTH]
        return rows

    def unknown(self, text: str) -> list[str]:
        """The words of a text that this vocabulary does not know, in order, once each."""
        return [w for w in dict.fromkeys(words_of(text)) if w not in SMALL and self.known(w) is None]

    def seen_otherwise(self, text: str) -> list[str]:
        """The words of a text that no picture of the requested kind (photo or drawing) had, in order, once each."""
        style = next((STYLES[w] for w in words_of(text) if w in STYLES), None)
        seen = {word: self.only.get(self.known(word)) for word in words_of(text)}
        return [word for word, had in seen.items() if style and had and had != style]

    def similar(self, word: str, n: int = 3) -> list[str]:
        """Up to n known words with a similar spelling that may be suggested, best first."""
        offered = [w for w in self.words if len(w) > 2 and w not in UNOFFERED]
        return difflib.get_close_matches(word, offered, n, cutoff=0.75)

    def related(self, word: str, n: int = 3) -> list[str]:
        """Up to n known things with a similar meaning, by the topics in related.txt."""
        things = next((_topics()[form] for form in singular(word) if form in _topics()), ())
        return [t for t in things if all(w in SMALL or self.known(w) for w in words_of(t))][:n]

    def remarks(self, text: str, name: str = "pocket") -> list[str]:
        """One sentence per unknown word, with a suggestion if there is one; one on words that only the other kind of
        picture had; one on a text that is long or has no known word."""
        told = []
        for word in self.unknown(text):
            near, spelled = self.related(word), self.similar(word)
            instead = (
                f"it knows these, near in meaning: {', '.join(near)}"
                if near
                else f"it knows words spelled like it: {', '.join(spelled)}"
                if spelled
                else "it is left out"
            )
            told.append(f"{name} does not know “{word}”; {instead}.")
        if others := self.seen_otherwise(text):
            style = self.only[self.known(others[0])]
            words = ", ".join(f"“{w}”" for w in others)
            told.append(f"{name} was shown {words} in {style}s alone: “{ASKED[style]} …” suits that better.")
        known = [w for w in words_of(text) if self.known(w)]
        if text.strip() and not known:
            told.append(f"{name} knows no word of this prompt, so it counts as no prompt.")
        if len(known) > LENGTH - 1:
            told.append(f"{name} reads {LENGTH - 1} words it knows; cut off: {' '.join(known[LENGTH - 1 :][:12])}.")
        return told


@cache
def _topics() -> dict[str, tuple[str, ...]]:
    """Unknown word -> the things of its topic."""
    table: dict[str, tuple[str, ...]] = {}
    for line in Path(__file__).with_name("related.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            unknown, things = line.split(":")
            for word in unknown.split():
                table.setdefault(word, tuple(t.strip() for t in things.split(",")))
    return table
