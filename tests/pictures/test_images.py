"""Pictures in and out: every value by hand, every file read back with Pillow."""

import base64
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from core.pictures.figures import gif
from core.pictures.images import (
    LARGE,
    MAX_PIXELS,
    SETTINGS_KEY,
    data_uri,
    digit_of,
    enlarge,
    grid,
    png,
    settings_of,
    square,
    to_pil,
    to_rgb,
    to_tensor,
    to_uint8,
    zip_of,
)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
EVERY_VALUE = np.arange(256, dtype=np.uint8).reshape(16, 16)


def reopened(picture: Image.Image, kind: str = "PNG", **options) -> Image.Image:
    """The picture as a file that has just been opened."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return Image.open(file)


# ---- In ----


@pytest.mark.parametrize(
    "mode, colour, expected",
    [
        ("RGB", RED, RED),
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBA", (255, 0, 0, 51), (255, 204, 204)),  # a fifth of red on white
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 0), WHITE),
        ("1", 1, WHITE),
        ("CMYK", (0, 255, 255, 0), RED),
        ("I;16", 65535, WHITE),
        ("I;16", 25700, (100, 100, 100)),
        ("I", 65535, WHITE),
        ("F", 255.0, WHITE),
    ],
)
def test_any_mode_becomes_rgb(mode, colour, expected):
    picture = to_rgb(Image.new(mode, (3, 2), colour))
    assert (picture.mode, picture.size) == ("RGB", (3, 2))
    assert picture.getpixel((2, 1)) == expected


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_entry(kind):
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)
    picture = to_rgb(reopened(picture, kind, transparency=1))
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]


def test_sixteen_bits_keep_their_gradient():
    values = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    picture = to_rgb(reopened(Image.fromarray(values)))
    np.testing.assert_array_equal(np.asarray(picture)[..., 0], EVERY_VALUE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    """The upright picture has its only red quarter at the top left, whichever way the camera was held."""
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:16, :32] = RED
    held = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = to_rgb(reopened(Image.fromarray(np.ascontiguousarray(held)), exif=exif))
    np.testing.assert_array_equal(np.asarray(picture), upright)


def test_an_animation_gives_its_first_frame():
    picture = Image.open(io.BytesIO(gif([np.full((8, 8, 3), colour, np.uint8) for colour in (RED, BLUE, WHITE)])))
    picture.seek(2)
    assert to_rgb(picture).getpixel((0, 0)) == RED


def test_too_large_a_picture():
    assert to_rgb(Image.new("1", (100, 100))).size == (100, 100)
    with pytest.raises(ValueError, match="more than 40 million pixels"):
        to_rgb(Image.new("1", (1000, MAX_PIXELS // 1000 + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "F"])
def test_a_large_picture_is_shrunk_first(mode):
    picture = to_rgb(Image.new(mode, (9000, 2000), 1))
    assert picture.size[0] * picture.size[1] <= LARGE and abs(picture.width / picture.height - 4.5) < 0.01


def test_square_is_the_centre():
    picture = Image.new("RGB", (30, 10), RED)
    picture.paste(BLUE, (10, 0, 20, 10))
    np.testing.assert_array_equal(np.asarray(square(picture, 10)), np.full((10, 10, 3), BLUE))
    assert square(picture, 40).size == (40, 40)


@pytest.mark.parametrize("paper, ink", [(0, 255), (255, 0)], ids=["as in MNIST", "dark on light"])
def test_a_digit_is_white_on_black(paper, ink):
    picture = Image.new("L", (56, 56), paper)
    picture.paste(ink, (20, 8, 36, 48))
    pixels = digit_of(picture)
    assert (pixels.shape, pixels.dtype) == ((28, 28, 1), np.uint8)
    assert (pixels[0, 0], pixels[14, 14]) == (0, 255)


@pytest.mark.parametrize("factor", [1, 10], ids=["grown", "shrunk"])
def test_the_mass_of_a_digit_is_in_the_middle(factor):
    """Of an L that stands at the edge of an oblong page: not the middle of its box."""
    picture = Image.new("L", (37 * factor, 31 * factor), 255)
    for box in ((22, 4, 25, 19), (22, 16, 33, 19)):
        picture.paste(0, tuple(factor * side for side in box))
    pixels = digit_of(picture)[..., 0].astype(float)
    rows, columns = (pixels.sum(axis) for axis in (1, 0))
    assert all(abs(np.average(np.arange(28), weights=mass) - 13.5) < 0.6 for mass in (rows, columns))
    assert 18 <= (rows > 255).sum() <= (rows > 0).sum() <= 20 and 13 <= (columns > 255).sum() <= 16


# ---- Tensors ----


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-1.0, 1.0)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_all_256_values_survive_the_round_trip(mode, low, high):
    pixels = EVERY_VALUE if mode == "L" else np.stack([EVERY_VALUE, EVERY_VALUE[::-1], EVERY_VALUE.T], axis=-1)
    x = to_tensor(Image.fromarray(pixels), low, high)
    assert (x.shape, x.dtype) == ((1, 1 if mode == "L" else 3, 16, 16), torch.float32)
    assert (x.min().item(), x.max().item()) == (low, high)
    back = to_uint8(x, low, high)
    np.testing.assert_array_equal(back[0].squeeze(), pixels)
    assert to_pil(back[0]).mode == mode
    np.testing.assert_array_equal(np.asarray(to_pil(back[0])), pixels)


def test_channels_come_first():
    x = to_tensor(Image.new("RGB", (3, 2), (255, 102, 0)))
    assert x.shape == (1, 3, 2, 3)
    torch.testing.assert_close(x[0, :, 1, 2], torch.tensor([1.0, 0.4, 0.0]))


def test_values_outside_the_range_are_clamped():
    x = torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0], requires_grad=True).view(1, 1, 1, 5)
    assert to_uint8(x, -1, 1).ravel().tolist() == [0, 0, 128, 255, 255]
    assert to_uint8(x.half()).ravel().tolist() == [0, 0, 0, 255, 255]


# ---- Sheets ----


def test_grid_is_read_like_a_page():
    tiles = np.arange(1, 6, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(2, 1).repeat(3, 2)  # five tiles of 2 x 3
    sheet = grid(tiles, columns=3, gap=1, shade=9)
    expected = [
        [1, 1, 1, 9, 2, 2, 2, 9, 3, 3, 3],
        [1, 1, 1, 9, 2, 2, 2, 9, 3, 3, 3],
        [9] * 11,
        [4, 4, 4, 9, 5, 5, 5, 9, 9, 9, 9],
        [4, 4, 4, 9, 5, 5, 5, 9, 9, 9, 9],
    ]
    assert sheet[..., 0].tolist() == expected


def test_grid_without_gap():
    tiles = np.arange(12, dtype=np.uint8).reshape(4, 1, 1, 3)
    np.testing.assert_array_equal(grid(tiles, columns=2, gap=0), tiles.reshape(2, 2, 3))


def test_enlarge_repeats_pixels():
    pixels = np.array([[[1], [2]], [[3], [4]]], np.uint8)
    assert enlarge(pixels, 2)[..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


# ---- Files ----


@pytest.mark.parametrize("channels", [1, 3])
def test_png_carries_its_settings(tmp_path, channels):
    settings = {"seed": 7, "scale": 7.5, "prompt": "a naïve “owl” 🦉", "timesteps": [3, 2, 1], "negative": None}
    pixels = EVERY_VALUE[..., None].repeat(channels, 2)
    file = tmp_path / "picture.png"
    file.write_bytes(png(pixels, settings))
    assert settings_of(file) == settings
    np.testing.assert_array_equal(np.asarray(Image.open(file)).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_foreign_picture_has_no_settings(tmp_path, kind):
    file = tmp_path / "foreign"
    Image.new("L", (4, 4)).save(file, kind)
    assert settings_of(file) is None


def test_a_png_without_settings(tmp_path):
    file = tmp_path / "plain.png"
    file.write_bytes(png(EVERY_VALUE[..., None]))
    assert settings_of(file) is None


SOUND = png(EVERY_VALUE[..., None], {"seed": 7})


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", SOUND[:20], SOUND[:-30], SOUND.replace(b'{"seed": 7}', b'{"seed": 8}'), b'{"seed": 7}'],
    ids=["empty", "text", "cut in the header", "cut in the pixels", "altered", "json"],
)
def test_a_damaged_file_is_one_sentence(tmp_path, data):
    file = tmp_path / "damaged.png"
    file.write_bytes(data)
    with pytest.raises(ValueError, match="not a picture with settings"):
        settings_of(file)


@pytest.mark.parametrize("text", ["{seed: 7", "seed"])
def test_settings_that_are_not_json(tmp_path, text):
    file, info = tmp_path / "broken.png", PngImagePlugin.PngInfo()
    info.add_text(SETTINGS_KEY, text)
    Image.new("L", (4, 4)).save(file, pnginfo=info)
    with pytest.raises(ValueError, match="not a picture with settings"):
        settings_of(file)


# ---- Animation ----


# ---- Transport ----


def test_a_data_uri_opens_again():
    header, data = data_uri(SOUND).split(",")
    assert header == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (16, 16)


def test_zip_holds_every_file():
    files = [("a.png", SOUND), ("settings.json", b"{}")]
    with zipfile.ZipFile(io.BytesIO(zip_of(iter(files)))) as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
