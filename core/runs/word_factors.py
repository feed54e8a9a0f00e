"""Factors on words as a person types them: "red 2, apple#2 -1, (padding) 0"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.checks import Refused, real
from core.models.captions import words_of
from core.techniques.attention import Word, places_of

LOW, HIGH = -2.0, 3.0
MOST = 64
FORM = re.compile(
    r"(?P<word>\(?[^\s,;:=#()]+\)?)\s*(?:#\s*(?P<which>\d{1,2}))?\s*[\s:=×]\s*(?P<factor>[-+−]?\d*\.?\d+)"
)


@dataclass(frozen=True)
class Factor:
    """A factor on a word of a prompt; `which` counts equal words from 1."""

    word: str
    which: int
    factor: float

    def __str__(self) -> str:
        return f"{self.word}{f'#{self.which}' * (self.which > 1)} {self.factor:g}"


def factors_of(text: object) -> list[Factor]:
    """The factors in a text. Raises Refused."""
    if text is not None and not isinstance(text, str):
        raise Refused("The factors on words must be text, such as red 2, apple -1.")
    parts = [part.strip() for part in re.split(r"[,;\n]", text or "") if part.strip()]
    if len(parts) > MOST:
        raise Refused(f"At most {MOST} words can be weighed at once.")
    return [_factor(part) for part in parts]


def _factor(part: str) -> Factor:
    found = FORM.fullmatch(part)
    if not found:
        raise Refused(f"“{part[:40]}” is no factor on a word: write a word and a number, such as red 2.")
    value = real(float(found["factor"].replace("−", "-")), LOW, HIGH, f"The factor on “{found['word'][:40]}”")
    return Factor(found["word"].lower(), int(found["which"] or 1), value)


def read_factors(text: object) -> str:
    """A person's text in its plain form. Raises Refused."""
    return ", ".join(map(str, factors_of(text)))


def can_be_weighed(word: Word) -> bool:
    """Whether the model reads a word that a factor can name; a comma, say, cannot be written as one."""
    name = word.text if word.kind == "word" else f"({word.kind})"
    return bool(word.places) and word.kind != "picture" and bool(FORM.fullmatch(f"{name} 1"))


def by_token(text: str, words: Sequence[Word]) -> list[float]:
    """The factor of every token of a prompt; 1 where none is given.

    Raises:
        Refused: a word is not in the prompt, or the model does not read it.
    """
    table = [1.0] * places_of(words)
    for f in factors_of(text):
        for place in _found(f, words).places:
            table[place] = f.factor
    return table


def _found(f: Factor, words: Sequence[Word]) -> Word:
    """The word that a factor means."""
    special = {f"({w.kind})": w for w in words if w.kind != "word"}
    if f.word in special:
        if f.word == "(picture)":
            raise Refused("(picture) is the picture's attention to itself, not a word's, so it cannot be weighed.")
        return special[f.word]
    own = [w for w in words if w.kind == "word"]
    same = [w for w in own if w.text == f.word] or [w for w in own if words_of(w.text) == words_of(f.word) != []]
    if len(same) < max(f.which, 1) or not f.which:
        often = f" {f.which} times" if same else ""
        raise Refused(f"The prompt does not have the word “{f.word[:40]}”{often}, so it cannot be weighed.")
    if not same[f.which - 1].places:
        raise Refused(f"The model does not read the word “{f.word[:40]}”, so weighing it changes nothing.")
    return same[f.which - 1]
