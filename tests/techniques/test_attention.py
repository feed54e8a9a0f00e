"""The recorder of attention: maps that land where they belong, words and their tokens, weights, and kept maps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.techniques.attention import (
    Keep,
    Recorder,
    Weigh,
    Word,
    columns,
    hooked,
    partners,
    read_only,
    weights,
)

G = torch.Generator().manual_seed(0)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=G)


def sentence(*texts: str, length: int = 8) -> list[Word]:
    """A prompt of one token a word, with start and padding."""
    words = [Word(text, (i,)) for i, text in enumerate(texts, 1)]
    return [Word("start", (0,), "start"), *words, Word("padding", tuple(range(len(texts) + 1, length)), "padding")]


class Layer(nn.Module):
    """The least that can be watched: it attends from x (B, 1, N, d) to a context (B, 1, L, d)."""

    hook = None

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        attend = F.scaled_dot_product_attention
        parts = x, context, context
        return attend(*parts) if self.hook is None else self.hook(attend, *parts)


@pytest.mark.parametrize(("heads", "n", "length", "d"), [(1, 6, 3, 4), (3, 64, 12, 32), (2, 35, 77, 8)])
def test_rows_sum_to_one_and_the_weights_are_those_of_fused_attention(heads, n, length, d):
    q, k, v = drawn(2, heads, n, d), drawn(2, heads, length, d), drawn(2, heads, length, d)
    w = weights(q, k)
    assert w.shape == (2, heads, n, length)
    torch.testing.assert_close(w.sum(-1), torch.ones(2, heads, n))
    torch.testing.assert_close(w @ v, F.scaled_dot_product_attention(q, k, v), atol=1e-5, rtol=1e-5)


def test_a_layer_is_watched_inside_alone_and_gives_the_same_bit_for_bit():
    layer, x, context = Layer(), drawn(2, 1, 9, 4), drawn(2, 1, 8, 4)
    plain, recorder = layer(x, context), Recorder(columns([sentence("a", "rose")] * 2))
    with hooked({"one": layer}, recorder):
        assert torch.equal(layer(x, context), plain)
    assert layer.hook is None and [*recorder.maps] == ["one"]
    layer(x, context)
    assert [*recorder.take()] == ["one"] and recorder.take() == {}
    with pytest.raises(ZeroDivisionError), hooked({"one": layer}, recorder):
        1 / 0  # noqa: B018
    assert layer.hook is None


def test_only_the_last_rows_are_kept_as_guidance_puts_no_condition_first():
    layer, x, context = Layer(), drawn(4, 1, 9, 4), drawn(4, 1, 8, 4)
    recorder = Recorder(columns([sentence("a"), sentence("b")]))
    with hooked({"one": layer}, recorder):
        layer(x, context)
    torch.testing.assert_close(recorder.maps["one"][..., 1], weights(x, context)[2:, ..., 1])


def test_a_hand_made_layer_lands_on_the_right_place():
    """Place (row 1, column 2) of 3 x 4 looks at word 2 alone, all others at the padding."""
    keys = torch.eye(8)[None, None] * 60
    x = keys[:, :, [7]].repeat(1, 1, 12, 1)
    x[0, 0, 1 * 4 + 2] = keys[0, 0, 2]
    recorder = Recorder(columns([sentence("red", "apple")]))
    with hooked({"one": (layer := Layer())}, recorder):
        layer(x, keys)
    maps = recorder.maps["one"].unflatten(2, (3, 4))  # (1, 1, 3, 4, W)
    expected = torch.zeros(3, 4)
    expected[1, 2] = 1
    torch.testing.assert_close(maps[0, 0, ..., 2], expected)
    torch.testing.assert_close(maps[0, 0, ..., 3], 1 - expected)  # start, red, apple, padding


def test_tokens_of_a_word_are_summed_and_the_same_word_twice_has_two_maps():
    words = [
        Word("start", (0,), "start"),
        Word("lighthouse", (1, 2)),
        Word("zzz", ()),
        Word("red", (3,)),
        Word("red", (4,)),
    ]
    table = columns([words, sentence("a", length=5)])
    assert [w.text for w in read_only(words)] == ["start", "lighthouse", "red", "red"]
    assert table.shape == (2, 5, 4)
    assert table[0].T.tolist() == [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert table[1].sum(0).tolist() == [1, 1, 3, 0] and table.sum(2).eq(1).all()


# ---- weigh ----


def weighed(factor: float, length: int = 8) -> tuple[torch.Tensor, torch.Tensor, Layer, torch.Tensor, torch.Tensor]:
    layer, x, context = Layer(), drawn(2, 1, 9, 4), drawn(2, 1, length, 4)
    factors = torch.ones(2, length)
    factors[1, 2] = factor
    recorder = Recorder(columns([sentence("a", "rose", length=length)] * 2), [Weigh(factors)])
    plain = layer(x, context)
    with hooked({"one": layer}, recorder):
        return plain, layer(x, context), layer, x, context


def test_weight_one_changes_nothing():
    plain, changed, *_ = weighed(1.0)
    assert torch.equal(plain, changed)


def test_weight_zero_is_as_if_the_words_values_were_masked():
    plain, changed, _, x, context = weighed(0.0)
    assert torch.equal(plain[0], changed[0])
    masked = context.clone()
    masked[:, :, 2] = 0
    torch.testing.assert_close(changed[1], F.scaled_dot_product_attention(x, context, masked)[1])


@pytest.mark.parametrize("factor", [-2.0, 3.0])
def test_a_factor_adds_that_much_of_the_words_part(factor):
    plain, changed, _, x, context = weighed(factor)
    part = weights(x, context)[1, ..., 2:3] * context[1, :, 2:3]
    torch.testing.assert_close(changed[1], plain[1] + (factor - 1) * part, atol=1e-5, rtol=1e-5)


# ---- swap ----


def test_partners_are_equal_words_and_words_in_the_place_of_others():
    a, b = sentence("an", "emoji", "of", "red"), sentence("an", "emoji", "of", "green")
    assert partners(a, b).tolist() == list(range(8))
    longer = sentence("an", "emoji", "of", "a", "big", "red")
    assert partners(a, longer).tolist() == [0, 1, 2, 3, -1, -1, 4, 5]
    assert partners(longer, a).tolist() == [0, 1, 2, 3, 6, 7, 7, 7]
    twice = sentence("a", "red", "red")
    assert partners(twice, twice).tolist() == list(range(8))


@pytest.mark.parametrize("above", [500.0, float("inf")])
def test_kept_maps_are_the_first_pictures_until_then(above):
    layer, x, context = Layer(), drawn(2, 1, 9, 4), drawn(2, 1, 8, 4)
    recorder = Recorder(columns([sentence("a")] * 2), [Keep(0, 1, torch.arange(8), above)])
    recorder.t, plain = 700.0, layer(x, context)
    with hooked({"one": layer}, recorder):
        changed = layer(x, context)
    assert torch.equal(changed[0], plain[0])
    if above > 700:
        assert torch.equal(changed, plain)
    else:
        torch.testing.assert_close(changed[1], (weights(x, context)[0] @ context[1]), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(recorder.maps["one"][0], recorder.maps["one"][1])


def test_kept_maps_leave_a_picture_its_attention_to_itself():
    """Keys behind the tokens are the picture's own: the words' parts are the first picture's, what is left is its own."""
    words = [*sentence("a", length=4), Word("the picture itself", (4,), "picture")]
    own, keep = weights(drawn(2, 3, 9, 4), drawn(2, 3, 4 + 9, 4)), Keep(0, 1, partners(words, words), 0.0)
    assert keep.partner.tolist() == [0, 1, 2, 3, -1]
    used = keep.used(own, 1)
    torch.testing.assert_close(used.sum(-1), torch.ones(3, 9))
    for part, picture in ((slice(0, 4), 0), (slice(4, None), 1)):
        expected = own[picture, ..., part]
        torch.testing.assert_close(used[..., part] / used[..., part].sum(-1, True), expected / expected.sum(-1, True))


def test_the_last_place_stands_for_all_keys_behind_it():
    words, x, keys = (
        [*sentence("a", length=4), Word("the picture itself", (4,), "picture")],
        drawn(1, 1, 9, 4),
        drawn(1, 1, 13, 4),
    )
    recorder = Recorder(columns([words]))
    with hooked({"one": (layer := Layer())}, recorder):
        layer(x, keys)
    own = weights(x, keys)
    torch.testing.assert_close(recorder.maps["one"][..., 3], own[..., 4:].sum(-1))
    torch.testing.assert_close(recorder.maps["one"][..., 2], own[..., 2:4].sum(-1))  # start, a, padding, picture
    torch.testing.assert_close(recorder.maps["one"].sum(-1), torch.ones(1, 1, 9))


def test_kept_rows_sum_to_one_where_words_are_missing():
    own = weights(drawn(2, 3, 9, 4), drawn(2, 3, 8, 4))
    keep = Keep(0, 1, torch.tensor([0, -1, 1, 1, -1, 5, 6, 7]), 0.0)
    torch.testing.assert_close(keep.used(own, 1).sum(-1), torch.ones(3, 9))
