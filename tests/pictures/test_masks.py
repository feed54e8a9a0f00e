"""Masks from whatever an editor or an upload gives, and the tools on them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core.checks import Refused
from core.pictures import images
from core.pictures.masks import PRESETS, centre_square, checked, feather, grow, invert, mask_of, random_holes, top_half

HOLE = np.zeros((64, 64), bool)
HOLE[10:20, 30:50] = True
EXPECTED = torch.from_numpy(HOLE).float()[None, None]
PHOTO = torch.randint(0, 150, (64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8).numpy()


def layer(hole: np.ndarray = HOLE, alpha: int = 255) -> np.ndarray:
    """A brush stroke as an RGBA layer; its colour is not white."""
    pixels = np.zeros((*hole.shape, 4), np.uint8)
    pixels[hole] = (180, 20, 60, alpha)
    return pixels


def opaque(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def over(pixels: np.ndarray, stroke: np.ndarray) -> np.ndarray:
    """The composite of a layer of full opacity."""
    return np.where(stroke[..., 3:] > 0, stroke, opaque(pixels))


def erased(pixels: np.ndarray) -> np.ndarray:
    rgba = opaque(pixels)
    rgba[HOLE, 3] = 0
    return rgba


def uploaded(picture: Image.Image, transparent: object = None) -> Image.Image:
    """The picture from a PNG file, in which that colour is transparent."""
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=transparent)
    return Image.open(file)


def pale(mode: str) -> Image.Image:
    """White with a hole, for modes with alpha a transparent one, else a black one; what it hides is not white."""
    pixels = erased(np.full((64, 64, 3), 255, np.uint8))
    pixels[HOLE, :3] = 0
    return Image.fromarray(pixels).convert(mode)


EMPTY = np.zeros((64, 64, 4), np.uint8)
LEFT, RIGHT = HOLE & (np.arange(64) < 40), HOLE & (np.arange(64) >= 40)
WHITE = np.where(HOLE, 255, 0).astype(np.uint8)
DRAWN = {
    "one layer": {"background": opaque(PHOTO), "layers": [layer()], "composite": over(PHOTO, layer())},
    "a layer and no background": {"background": None, "layers": [layer()], "composite": layer()},
    "two layers": {"background": PHOTO, "layers": [layer(LEFT), layer(RIGHT), EMPTY], "composite": None},
    "a layer without alpha": {"background": PHOTO, "layers": [layer()[..., :3]], "composite": PHOTO},
    "a grey layer": {"background": PHOTO, "layers": [WHITE], "composite": PHOTO},
    "a composite alone": {"background": opaque(PHOTO), "layers": [], "composite": over(PHOTO, layer())},
    "a composite without alpha": {"background": PHOTO, "layers": None, "composite": over(PHOTO, layer())[..., :3]},
    "an empty layer and a composite": {"background": PHOTO, "layers": [EMPTY], "composite": over(PHOTO, layer())},
    "an erased background": {"background": erased(PHOTO), "layers": [EMPTY], "composite": erased(PHOTO)},
    "erased, no composite": {"background": erased(PHOTO), "layers": [], "composite": None},
    "pictures": {"background": Image.fromarray(PHOTO), "layers": [Image.fromarray(layer())], "composite": None},
    "an upload": Image.fromarray(WHITE),
    "a black and white upload": Image.fromarray(HOLE),
    "an upload in colour": Image.fromarray(np.stack([WHITE] * 3, -1)),
    "an opaque upload": Image.fromarray(opaque(np.stack([WHITE] * 3, -1))),
    "an upload with a hole": Image.fromarray(erased(PHOTO)),
    "an array": WHITE,
    "a 16-bit upload": Image.fromarray(WHITE.astype(np.uint16) * 257),
    "a 16-bit upload with a transparent white": uploaded(
        Image.fromarray(np.where(HOLE, 65535, 1000).astype(np.uint16)), 65535
    ),
    "a grey upload with a hole": uploaded(pale("LA")),
    "a grey upload with a transparent black": uploaded(pale("L"), 0),
    "a colour upload with a transparent black": uploaded(pale("RGB"), (0, 0, 0)),
    "a palette upload with a hole": uploaded(pale("RGBA").quantize(8)),
    "a palette upload with a transparent black": uploaded(pale("L").convert("P"), 0),
    "a palette with an alpha channel": pale("PA"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_answer_of_the_editor_is_understood(name):
    mask = mask_of(DRAWN[name])
    assert mask.dtype == torch.float32 and mask.shape == (1, 1, 64, 64)
    assert torch.equal(mask, EXPECTED)


@pytest.mark.parametrize("drawn", [{"background": PHOTO, "layers": [EMPTY], "composite": opaque(PHOTO)}, 0 * WHITE])
def test_nothing_painted_is_an_empty_mask_and_is_refused_when_it_is_used(drawn):
    mask = mask_of(drawn)
    assert not mask.any()
    with pytest.raises(ValueError, match="The mask is empty"):
        checked(mask)
    assert torch.equal(invert(mask), torch.ones(1, 1, 64, 64))


def test_a_full_mask_is_refused():
    with pytest.raises(ValueError, match="The mask covers everything"):
        checked(invert(torch.zeros(1, 1, 64, 64)))
    assert torch.equal(checked(EXPECTED), EXPECTED)


@pytest.mark.parametrize("scale", [2, 8])
def test_another_size_is_resized(scale):
    large = {"background": None, "layers": [np.kron(layer(), np.ones((scale, scale, 1), np.uint8))], "composite": None}
    assert torch.equal(mask_of(large), EXPECTED)
    assert torch.equal(mask_of(Image.fromarray(WHITE), 128), EXPECTED.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_a_wide_picture_loses_its_sides_as_pictures_do():
    wide = np.zeros((64, 100), np.uint8)
    wide[:, 18:82] = WHITE
    wide[:, :18] = 255
    assert torch.equal(mask_of(wide), EXPECTED)


@pytest.mark.parametrize(
    "drawn, sentence",
    [
        (None, "no mask yet"),
        ({"background": None, "layers": [], "composite": None}, "no picture yet"),
        ({"background": None, "layers": [layer(), layer()[:32]], "composite": None}, "same size"),
        ("mask.png", "must be a picture"),
        (np.zeros((64, 64)), "must be a picture"),
        ({"layers": ["x"]}, "must be a picture"),
    ],
)
def test_what_is_no_mask_is_refused_in_one_sentence(drawn, sentence):
    with pytest.raises(ValueError, match=sentence):
        mask_of(drawn)


def test_a_large_mask_with_alpha_is_shrunk_and_a_larger_one_refused(monkeypatch):
    picture = Image.fromarray(erased(PHOTO)).resize((512, 512), Image.Resampling.NEAREST)
    monkeypatch.setattr(images, "LARGE", 256**2)
    assert torch.equal(mask_of(picture), EXPECTED)
    assert picture.size == (256, 256), "it is shrunk before its pixels are taken"
    monkeypatch.setattr(images, "MAX_PIXELS", 100**2)
    with pytest.raises(Refused, match="million pixels; please shrink it first"):
        mask_of(picture)


# ---- Tools ----


def distance(mask: torch.Tensor) -> np.ndarray:
    """(S, S) pixels from each pixel to the nearest one of the mask, by trying all."""
    inside = np.argwhere(mask[0, 0].numpy() == 1)
    everywhere = np.argwhere(np.ones((64, 64)))
    return np.sqrt(((everywhere[:, None] - inside) ** 2).sum(-1).min(1)).reshape(64, 64)


@pytest.mark.parametrize("pixels", [0, 1, 3, 8])
def test_a_mask_grows_by_a_round_brush(pixels):
    np.testing.assert_array_equal(grow(EXPECTED, pixels)[0, 0], distance(EXPECTED) <= pixels + 0.5)


@pytest.mark.slow
def test_a_mask_shrinks_by_as_much():
    np.testing.assert_array_equal(grow(EXPECTED, -2)[0, 0], distance(1 - EXPECTED) > 2.5)
    assert torch.equal(grow(invert(EXPECTED), 2), invert(grow(EXPECTED, -2)))


def test_a_feathered_edge_lies_outside_the_mask_and_falls_to_zero():
    soft = feather(EXPECTED, 3)[0, 0]
    assert (soft[torch.from_numpy(HOLE)] == 1).all()
    assert soft[15, 50:54].tolist() == [0.75, 0.5, 0.25, 0.0]
    assert ((soft > 0).numpy() == (distance(EXPECTED) <= 3.5)).all()
    assert torch.equal(feather(EXPECTED, 0), EXPECTED)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_used(name):
    title, make = PRESETS[name]
    mask = checked(make())
    assert title and mask.shape == (1, 1, 64, 64) and set(mask.unique().tolist()) == {0, 1}


def test_presets_are_where_they_say():
    assert centre_square()[0, 0, 16:48, 16:48].all() and centre_square().sum() == 32 * 32
    assert top_half()[0, 0, :32].all() and top_half().sum() == 32 * 64
    assert torch.equal(random_holes(), random_holes()) and 0.02 < random_holes().mean() < 0.4
