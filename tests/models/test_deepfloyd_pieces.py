"""The words of a prompt from T5's pieces: several pieces of a word, marks, twice the same word, what is cut off."""

import pytest
import tiny_if

from core.models.deepfloyd.pieces import words_of
from core.models.deepfloyd.text_encoder import TOKENS, pieces_of

END = "</s>"


def told(words) -> list[tuple[str, tuple[int, ...]]]:
    return [(w.text, w.places) for w in words if w.kind == "word"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["▁red"], [("red", (0,))]),
        ([], []),
        (["▁rocket", "s", "hip", "▁dog"], [("rocketship", (0, 1, 2)), ("dog", (3,))]),
        (["▁red", "▁red"], [("red", (0,)), ("red", (1,))]),
        (["▁", "r", "ed", "▁", "dog"], [("red", (0, 1, 2)), ("dog", (3, 4))]),
        (["▁red", ",", "▁dog", "."], [("red", (0,)), (",", (1,)), ("dog", (2,)), (".", (3,))]),
        (["▁red", "-", "hair", "ed"], [("red", (0,)), ("-", (1,)), ("haired", (2, 3))]),
        (["▁artist", "'", "s"], [("artist's", (0, 1, 2))]),
        (["▁", "🚀", "▁", "狗"], [("🚀", (0, 1)), ("狗", (2, 3))]),
        (["▁"], [("▁", (0,))]),
    ],
)
def test_pieces_are_joined_to_words(pieces, expected):
    words = words_of([*pieces, END], 12)
    assert told(words) == expected
    *_, end, padding, picture = words
    n = len(pieces)
    assert (end.kind, end.places) == ("end", (n,))
    assert (padding.kind, padding.places) == ("padding", tuple(range(n + 1, 12)))
    assert (picture.kind, picture.places) == ("picture", (12,))


@pytest.mark.parametrize("count", [0, 1, 10, 11, 12, 64])
def test_every_place_belongs_to_one_word(count):
    words = words_of(["▁dog"] * count + [END], 12)
    assert sorted(place for w in words for place in w.places) == [*range(13)]
    assert sum(bool(w.places) for w in words if w.kind == "word") == min(count, 11)
    assert len(told(words)) == count  # words that are cut off have no place


def test_a_word_that_is_cut_in_two_keeps_what_is_read():
    words = words_of(["▁dog"] * 10 + ["▁rocket", "ship", END], 12)
    assert told(words)[-1] == ("rocketship", (10,)) and words[-2].places == () and words[-3].places == (11,)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompt", ["a photo of a dog", "A Rocketship, a rocket!", "", "red-haired 🚀 狗", "dog " * 90, "don't “quote”  me"]
)
def test_places_are_those_of_the_tokens_that_t5_reads(prompt):
    """The pieces of a word, read back by the tokenizer, are the word."""
    tokenizer = tiny_if.tokenizer()
    ids = tokenizer(prompt.lower().strip(), padding="max_length", max_length=TOKENS, truncation=True).input_ids
    words = words_of(pieces_of(tokenizer, prompt), TOKENS)
    for word in words:
        mine = [ids[place] for place in word.places if word.kind != "picture"]
        if word.kind == "word" and tokenizer.unk_token_id not in mine and mine:
            assert tokenizer.decode(mine).strip() == word.text
        if word.kind in ("end", "padding"):
            assert set(mine) <= {tokenizer.eos_token_id if word.kind == "end" else tokenizer.pad_token_id}
    shown = "".join(w.text for w in words if w.kind == "word")
    assert shown == "".join(prompt.lower().split())
