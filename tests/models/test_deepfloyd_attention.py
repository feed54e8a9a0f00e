"""The recorder of attention in diffusers' networks: a tiny random IF, and layers of Stable Diffusion's kind."""

import pytest
import tiny_if
import torch

from core.models.deepfloyd.attention import layers_to_words, watching
from core.models.deepfloyd.stages import ready
from core.techniques.attention import Recorder, Weigh, Word, columns

pytestmark = pytest.mark.slow
LENGTH = 6
WORDS = [Word("a", (0,)), Word("rocket", (1, 2)), Word("padding", (3, 4, 5), "padding")]


@pytest.fixture(scope="module", params=["as diffusers has it", "as it is loaded here"])
def unet(request):
    """IF's UNet, with its text projections kept or not."""
    net = tiny_if.unet(1).requires_grad_(False)
    return ready(net, torch.device("cpu")) if request.param == "as it is loaded here" else net


def asked(net, rows: int = 2, hook=None) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    x, text = torch.randn(rows, 3, 16, 16, generator=g), torch.randn(rows, LENGTH, tiny_if.WIDTH, generator=g)
    with torch.no_grad(), watching(net, hook):
        return net(x, torch.tensor([500] * rows), text, return_dict=False)[0]


def test_recording_changes_no_bit_and_rows_sum_to_one(unet):
    recorder = Recorder(columns([WORDS], LENGTH))
    plain, processors = asked(unet), [m.processor for m in layers_to_words(unet).values()]
    assert torch.equal(asked(unet, hook=recorder), plain)
    assert [m.processor for m in layers_to_words(unet).values()] == processors
    maps = recorder.take()
    assert {*maps} == {*layers_to_words(unet)} and len(maps) >= 3
    for m in maps.values():
        assert m.shape[0] == 1 and m.shape[3] == 3 + 1  # the last column is the picture itself
        assert m.shape[2] in (256, 64)
        torch.testing.assert_close(m.sum(-1), torch.ones(m.shape[:3]))


def test_weights_are_those_of_the_written_out_processor(unet):
    from diffusers.models.attention_processor import AttnAddedKVProcessor

    recorder, seen = Recorder(columns([WORDS], LENGTH)), []
    asked(unet, hook=recorder)
    layers = layers_to_words(unet)
    before = {name: m.processor for name, m in layers.items()}
    for m in layers.values():
        m.processor = AttnAddedKVProcessor()  # its weights come from get_attention_scores
        m.get_attention_scores = lambda q, k, mask=None, m=m: (
            seen.append(type(m).get_attention_scores(m, q, k, mask)) or seen[-1]
        )
    try:
        asked(unet)
    finally:
        for name, m in layers.items():
            m.processor = before[name]
            del m.get_attention_scores
    for m, scores in zip(recorder.maps.values(), seen, strict=True):  # (B heads, N, L + N)
        own = scores.unflatten(0, (2, -1))[1:]
        torch.testing.assert_close(m[..., 1], own[..., 1] + own[..., 2], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(m[..., 3], own[..., LENGTH:].sum(-1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (0.0, False)])
def test_a_word_is_weighed_in_the_last_rows_alone(unet, factor, same):
    factors = torch.ones(1, LENGTH)
    factors[0, 1:3] = factor
    plain, changed = asked(unet), asked(unet, hook=Recorder(columns([WORDS], LENGTH), [Weigh(factors)]))
    torch.testing.assert_close(changed[0], plain[0], atol=1e-5, rtol=1e-4)
    assert torch.equal(changed[1], plain[1]) == same


def test_a_plain_cross_attention_layer_is_watched_too():
    """As Stable Diffusion's: keys are the tokens alone; self-attention is left alone."""
    from diffusers.models.attention_processor import Attention

    torch.manual_seed(0)
    layers = torch.nn.ModuleDict(
        {"words": Attention(16, 8, heads=2, dim_head=8), "own": Attention(16, heads=2, dim_head=8)}
    )
    assert [*layers_to_words(layers)] == ["words"]
    x, text, recorder = torch.randn(1, 9, 16), torch.randn(1, LENGTH, 8), Recorder(columns([WORDS], LENGTH))
    with torch.no_grad(), watching(layers, recorder):
        out = layers["words"](x, text)
    with torch.no_grad():
        assert torch.equal(out, layers["words"](x, text))
    assert recorder.maps["words"].shape == (1, 2, 9, 3)
    torch.testing.assert_close(recorder.maps["words"].sum(-1), torch.ones(1, 2, 9))


@pytest.mark.usefixtures("tiny_if_here")
def test_stage_one_gives_the_same_picture_with_and_without():
    from core.models.registry import load

    model = load("if-m", "cpu")
    g = torch.Generator().manual_seed(2)
    x, cond, t = (
        torch.randn(2, *model.shape, generator=g),
        torch.randn(2, 77, tiny_if.WIDTH, generator=g),
        torch.tensor([700, 700]),
    )
    recorder = Recorder(columns([WORDS], 77))
    on, off = (m.predict(x, t, cond) for m in (model.watched(recorder), model))
    assert torch.equal(on.eps, off.eps) and torch.equal(on.v, off.v) and recorder.take()
    model.predict(x, t, cond)
    assert recorder.take() == {}
