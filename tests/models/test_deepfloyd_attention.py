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
ALL = [*WORDS, Word("the picture itself", (LENGTH,), "picture")]


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
    recorder = Recorder(columns([ALL]))
    plain, processors = asked(unet), [m.processor for m in layers_to_words(unet).values()]
    assert torch.equal(asked(unet, hook=recorder), plain)
    assert [m.processor for m in layers_to_words(unet).values()] == processors
    maps = recorder.take()
    assert {*maps} == {*layers_to_words(unet)} and len(maps) >= 3
    for m in maps.values():
        assert m.shape[0] == 1 and m.shape[3] == 3 + 1 and (m > 0).all()  # the last one is the picture itself
        assert m.shape[2] in (256, 64)
        torch.testing.assert_close(m.sum(-1), torch.ones(m.shape[:3]))


def test_weights_are_those_of_the_written_out_processor(unet):
    from diffusers.models.attention_processor import AttnAddedKVProcessor

    recorder, seen = Recorder(columns([ALL])), []
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
    plain, changed = asked(unet), asked(unet, hook=Recorder(columns([ALL]), [Weigh(factors)]))
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
    x, text, recorder = torch.randn(1, 9, 16), torch.randn(1, LENGTH, 8), Recorder(columns([WORDS]))
    with torch.no_grad(), watching(layers, recorder):
        out = layers["words"](x, text)
    with torch.no_grad():
        assert torch.equal(out, layers["words"](x, text))
    assert recorder.maps["words"].shape == (1, 2, 9, 3)
    torch.testing.assert_close(recorder.maps["words"].sum(-1), torch.ones(1, 2, 9))


def hand_made(width: int):
    """A layer of IF whose queries are its input and whose keys are the text; to its own places it gives exp(0)."""
    from diffusers.models.attention_processor import Attention, AttnAddedKVProcessor2_0

    layer = Attention(
        width, heads=1, dim_head=width, added_kv_proj_dim=width, bias=True, processor=AttnAddedKVProcessor2_0()
    )
    layer.group_norm = torch.nn.Identity()
    with torch.no_grad():
        for p in layer.parameters():
            p.zero_()
        for part in (layer.to_q, layer.add_k_proj):
            part.weight.copy_(torch.eye(width))
    return layer


def test_a_hand_made_layer_lands_on_the_right_place():
    """Place (row 1, column 2) of 3 x 4 looks at the second piece of the rocket alone, the others at themselves and the text
    alike; so each gives its share of the keys to the picture."""
    x, text = torch.zeros(1, 8, 3, 4), 20 * torch.eye(8)[None, :LENGTH]
    x[0, 2, 1, 2] = 20
    recorder = Recorder(columns([ALL]))
    layers = torch.nn.ModuleDict({"one": hand_made(8)})
    with torch.no_grad(), watching(layers, recorder):
        layers["one"](x, text)
    maps = recorder.maps["one"][0, 0].unflatten(0, (3, 4))  # (3, 4, W)
    there = torch.zeros(3, 4)
    there[1, 2] = 1
    evenly = (1 - there) / (LENGTH + 12)
    for w, tokens in enumerate((1, 2, 3, 12)):  # a, rocket, padding, the picture's own places
        torch.testing.assert_close(maps[..., w], tokens * evenly + there * (w == 1))


def test_layers_of_a_unet_are_named_by_their_places_in_the_order_of_a_call(unet):
    assert [*layers_to_words(unet)] == ["down 16×16", "middle 16×16", "up 16×16, 1", "up 16×16, 2"]


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
    recorder = Recorder(columns([ALL]))
    on, off = (m.predict(x, t, cond) for m in (model.watched(recorder), model))
    assert torch.equal(on.eps, off.eps) and torch.equal(on.v, off.v) and recorder.take()
    model.predict(x, t, cond)
    assert recorder.take() == {}


def test_the_benchmark_of_recording_sees_the_same_picture_and_the_size_of_its_maps():
    from benchmarks.if_speed import Words, recording
    from core.models.deepfloyd.stages import DeepFloyd

    net = ready(tiny_if.unet(1), torch.device("cpu"))
    model = DeepFloyd("if-m", 16, Words(tiny_if.WIDTH), torch.device("cpu"), lambda *_: net)
    told = recording(model, 2, 2, 1)
    assert told.endswith("the same bit for bit")
    assert f"{4 * 2 * 256 * 12 / 1e6:.2f} MB a step" in told  # layers, pictures, places, maps; one head each
