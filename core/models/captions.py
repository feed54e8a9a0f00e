"""Captions as word ids: a vocabulary, and what to say about words that are not in it."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from core.techniques.attention import Word

LENGTH = 12  # tokens of a caption, its start token included
PAD, START = 0, 1
SMALL = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "and", "to", "for", "is", "by", "up", "down", "off",
                   "over", "left", "done", "way"])  # fmt: skip
"""Words that say little: no remark is made on them."""
UNOFFERED = frozenset(["dyke", "hankey", "harambe", "poo", "poop", "shit"])
"""Words among the data's names that are understood, but that nobody is offered: not before a class."""


@dataclass(frozen=True)
class Style:
    """A way of drawing that a prompt can ask for.

    Args:
        prompt: what comes before the thing, "a flat drawing of".
        about: what it looks like, in a few words.
    """

    prompt: str
    about: str

    @property
    def plain(self) -> str:
        """The style without a thing: "a flat drawing"."""
        return self.prompt.removesuffix(" of")

    def of(self, thing: str) -> str:
        """The prompt for a thing with its article: "a flat drawing of a fox"."""
        return f"{self.prompt} {thing}"


DRAWING_STYLES = {
    "emoji": Style("an emoji of", "soft gradients, as on Android phones"),
    "flat": Style("a flat drawing of", "plain areas of colour, no outlines"),
    "glossy": Style("a glossy drawing of", "round and shiny, as if made of plastic"),
    "sticker": Style("a sticker of", "a few strong colours and simple shapes"),
    "outlined": Style("an outlined drawing of", "thin black lines, filled with light colours"),
}
"""The styles of drawing that pocket is taught, by name."""
STYLES = {"emoji": "drawing", "drawing": "drawing", "sticker": "drawing", "photo": "photo", "picture": "photo"}
"""The words of a caption that say how its thing is shown, and the kind of picture that they ask for."""
ASKED = {"drawing": "an emoji of", "photo": "a photo of"}
"""How each kind of picture is asked for."""


def words_of(text: str) -> list[str]:
    """Lower-case words without accents or punctuation: "Piñata, T-Rex" -> ["pinata", "t", "rex"]."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", "")).lower()
    return re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))


def singular(word: str) -> tuple[str, ...]:
    """A word and what it may be the regular plural of: "berries" -> "berries", "berrie", "berri", "berry"."""
    return word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)


class Vocabulary:
    """The words that a text encoder knows, with ids from 2 on; 0 pads and 1 starts every caption.

    Args:
        words: all known words, in the order of their ids.
        only: those that only photos had, or only drawings: by word, "photo" or "drawing".
        never: things that were never seen in a style of drawing, by style.
    """

    def __init__(
        self,
        words: Iterable[str],
        only: Mapping[str, str] = MappingProxyType({}),
        never: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        self.words, self.only, self.never = list(words), only, never
        self.ids = {word: i + 2 for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def known(self, word: str) -> str | None:
        """The known form of a word: itself, or its singular or plural; None if there is none."""
        return next((form for form in (*singular(word), word + "s") if form in self.ids), None)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, LENGTH) int64 ids. Unknown words and words past the end are left out; an empty text is "no caption"."""
        rows = torch.full((len(texts), LENGTH), PAD)
        for row, text in zip(rows, texts, strict=True):
            ids = [self.ids[form] for word in words_of(text) if (form := self.known(word))]
            row[: min(len(ids) + 1, LENGTH)] = torch.tensor([START, *ids])[:LENGTH]
        return rows

    def placed(self, text: str) -> list[Word]:
        """The start token, the words of a text with the places of their tokens in `encode`, and the padding.

        Unknown words and words past the end have no place.
        """
        words, place = [Word("start", (0,), "start")], 1
        for word in words_of(text):
            here = self.known(word) is not None and place < LENGTH
            words.append(Word(word, (place,) if here else ()))
            place += here
        return [*words, Word("padding", tuple(range(place, LENGTH)), "padding")]

    def unknown(self, text: str) -> list[str]:
        """The words of a text that mean nothing to this vocabulary, in order, once each."""
        return [w for w in dict.fromkeys(words_of(text)) if w not in SMALL and self.known(w) is None]

    def seen_otherwise(self, text: str) -> list[str]:
        """The words of a text that asks for a photo, or for a drawing, that no such picture had, in order, once each."""
        style = next((STYLES[w] for w in words_of(text) if w in STYLES), None)
        seen = {word: self.only.get(self.known(word)) for word in words_of(text)}
        return [word for word, had in seen.items() if style and had and had != style]

    def never_seen(self, text: str) -> tuple[str, str] | None:
        """The style and the thing, if a text asks for just a drawing that was never seen: "a flat drawing of a castle"."""
        said = [w for w in words_of(text) if w not in SMALL]
        for style, things in self.never.items():
            asked = [w for w in words_of(DRAWING_STYLES[style].prompt) if w not in SMALL]
            for thing in things:
                if said == [*asked, *(w for w in words_of(thing) if w not in SMALL)]:
                    return style, thing
        return None

    def similar(self, word: str, n: int = 3) -> list[str]:
        """Up to n known words that are spelled like this one and may be offered, best first."""
        offered = [w for w in self.words if len(w) > 2 and w not in UNOFFERED]
        return difflib.get_close_matches(word, offered, n, cutoff=0.75)

    def related(self, word: str, n: int = 3) -> list[str]:
        """Up to n known things near in meaning, by the topics in related.txt."""
        things = next((_topics()[form] for form in singular(word) if form in _topics()), ())
        return [t for t in things if all(w in SMALL or self.known(w) for w in words_of(t))][:n]

    def remarks(self, text: str, name: str = "pocket") -> list[str]:
        """One sentence per unknown word, with what to write instead where something is near; one on words that were seen in
        the other kind of picture alone; one on a thing never seen in the style asked for; one on a text that is long, or of which nothing is left."""
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
        if pair := self.never_seen(text):
            style, thing = pair
            told.append(
                f"{name} never saw “{thing}” as {DRAWING_STYLES[style].plain}: it puts together what it knows of the thing "
                "and of the style."
            )
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
