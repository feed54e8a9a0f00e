"""The words of a prompt, from the pieces into which T5's tokenizer cuts it."""

from collections.abc import Sequence

from core.techniques.attention import Word

START = "▁"
"""Begins every piece that begins a word (Kudo & Richardson 2018, SentencePiece)."""


def words_of(pieces: Sequence[str], length: int) -> list[Word]:
    """The words of a prompt with the places of their pieces, its end mark, its padding, and the picture itself.

    A word goes on to the next START; marks, such as a comma, are words of their own.

    Args:
        pieces: of the whole prompt, the end mark last.
        length: the number of places; what does not fit before the end mark is cut off and has none.
    """
    end = min(len(pieces), length) - 1
    words = [Word(text, tuple(place for place in places if place < end)) for text, places in _grouped(pieces[:-1])]
    rest = Word("end", (end,), "end"), Word("padding", tuple(range(end + 1, length)), "padding")
    return [*words, *rest, Word("the picture itself", (length,), "picture")]


def _grouped(pieces: Sequence[str]) -> list[tuple[str, list[int]]]:
    """(text, places) of every word."""
    words: list[tuple[str, list[int]]] = []
    for place, piece in enumerate(pieces):
        text, before = piece.replace(START, ""), words[-1][0] if words else None
        if before is None or (piece.startswith(START) and before) or (before and _is_mark(text) != _is_mark(before)):
            words.append((text, [place]))
        else:
            words[-1] = before + text, [*words[-1][1], place]
    return [(text or START, places) for text, places in words]


def _is_mark(text: str) -> bool:
    """Whether it has neither letters nor digits; an apostrophe belongs to its word."""
    return not any(c.isalnum() or c in "'’" for c in text)
