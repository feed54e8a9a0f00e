"""Figures to keep: the words around pictures, still and moving."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from core.pictures.figures import GREYS, Words, figure, gif
from core.pictures.images import enlarge

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def flat(*colours: tuple[int, int, int]) -> list[np.ndarray]:
    """One 8x8 RGB frame per colour."""
    return [np.full((8, 8, 3), colour, np.uint8) for colour in colours]


def test_a_caption_stands_under_the_picture():
    for channels in (1, 3):
        pixels = np.full((40, 300, channels), 90, np.uint8)
        short, long = (figure(pixels, Words(below=text)) for text in ("σ = 2 – “a rose”", "a word " * 40))
        np.testing.assert_array_equal(short[:40], pixels)
        assert 40 < len(short) < len(long) and (long[40:] < 100).any() and long.shape[1:] == (300, channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_labelled_above_and_beside(channels):
    pixels = np.full((200, 300, channels), 128, np.uint8)
    names = ("w = 0", "w = 1", "a name that is much longer than its column")
    found = figure(pixels, Words(names, ("no guidance", "guidance")))
    top, left = found.shape[0] - 200, found.shape[1] - 300
    assert found.shape[2] == channels and top > 40 and left > 100
    assert np.array_equal(found[top:, left:], pixels)
    inked = lambda part: part.min() < 64 and np.median(part) == 255  # noqa: E731
    assert all(inked(found[:top, left + 100 * k : left + 100 * (k + 1)]) for k in range(3))
    assert all(inked(found[top + 100 * k : top + 100 * (k + 1), :left]) for k in range(2))
    assert found[:top, :left].min() == 255


def test_a_label_stays_in_its_row():
    found = figure(np.zeros((60, 60, 3), np.uint8), Words(down=("far too many words " * 20, "b")))
    assert found.shape[0] == 60 and found[:, -60:].max() == 0


def test_no_labels_leave_a_grid_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(figure(pixels, Words()), pixels)


def played(data: bytes) -> tuple[list[int], list[tuple[int, int, int]]]:
    """The duration in milliseconds and the colour of every frame."""
    picture, durations, colours = Image.open(io.BytesIO(data)), [], []
    for k in range(picture.n_frames):
        picture.seek(k)
        durations.append(picture.info["duration"])
        colours.append(picture.convert("RGB").getpixel((4, 4)))
    return durations, colours


def test_gif_plays_its_frames_holds_the_last_and_loops():
    data = gif(flat(RED, BLUE, WHITE, BLUE), seconds=2.0, hold=1.5)
    assert played(data) == ([500, 500, 500, 2000], [RED, BLUE, WHITE, BLUE])
    assert Image.open(io.BytesIO(data)).info["loop"] == 0  # for ever


def test_gif_of_greys():
    frames = [np.full((8, 8, 1), shade, np.uint8) for shade in (0, 100, 255)]
    assert played(gif(frames, seconds=0.3, hold=1.0)) == ([100, 100, 1100], [(0, 0, 0), (100, 100, 100), WHITE])


def test_gif_is_never_faster_than_a_browser_plays():
    """Most browsers slow a frame of 10 ms or less down to 100 ms."""
    durations, _ = played(gif(flat(*[RED, BLUE] * 50), seconds=0.1, hold=0))
    assert durations == [20] * 100


def test_gif_of_one_frame():
    assert Image.open(io.BytesIO(gif(flat(RED)))).convert("RGB").getpixel((0, 0)) == RED


def test_gif_keeps_its_time_when_frames_repeat():
    """Pillow merges equal neighbours."""
    durations, _ = played(gif(flat(RED, RED, BLUE, BLUE), seconds=2.0, hold=1.0))
    assert sum(durations) == 3000


def test_a_gif_is_enlarged_after_its_colours_are_chosen():
    frames = [np.random.default_rng(k).integers(0, 5, (8, 12, 3), dtype=np.uint8) * 50 for k in range(3)]
    with Image.open(io.BytesIO(gif(frames, factor=4))) as loop:
        assert loop.size == (48, 32) and loop.n_frames == 3
        loop.seek(2)
        assert np.abs(np.asarray(loop.convert("RGB")).astype(int) - enlarge(frames[2], 4)).mean() < 12


def frames_of(data: bytes) -> list[np.ndarray]:
    """Every frame of a GIF, (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as loop:
        out = []
        for k in range(loop.n_frames):
            loop.seek(k)
            out.append(np.asarray(loop.convert("RGB")).astype(int))
        return out


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_has_the_words_of_its_still_figure_and_a_line_for_every_moment(channels):
    rng = np.random.default_rng(0)
    sheets = [rng.integers(0, 6, (20, 30, channels), dtype=np.uint8) * 51 for _ in range(3)]
    words = Words(("w = 0", "w = 3"), ("DDIM", "DDPM"), "what these are", ("t = 999", "t = 500", "result"))
    found = frames_of(gif(sheets, factor=10, words=words))
    still = figure(enlarge(sheets[2], 10), Words(words.across, words.down, words.below))
    top, left = still.shape[0] - 200 - 35, 150  # the caption is one line
    line = found[2].shape[0] - still.shape[0]
    assert len(found) == 3 and line == 30 and found[0].shape[1] == still.shape[1] == left + 300
    for sheet, frame in zip(sheets, found, strict=True):
        inside = frame[top : top + 200, left:]
        assert np.abs(inside - enlarge(sheet, 10)).mean() < 12
        heads, sides, below = frame[:top], frame[top : top + 200, :left], frame[top + 230 :]
        for part, same in ((heads, still[:top]), (sides, still[top : top + 200, :left]), (below, still[top + 200 :])):
            assert np.abs(part - same).max() <= 255 / (GREYS - 1) / 2 + 1
    moments = [frame[top + 200 : top + 230] for frame in found]
    assert all(part.min() < 64 and np.median(part) == 255 for part in moments)
    assert all((one != other).any() for one, other in pairwise(moments))


def test_a_gif_of_many_colours_keeps_them_beside_its_words():
    ramp = np.stack(np.meshgrid(np.arange(0, 256, 8), np.arange(0, 256, 8)), -1).astype(np.uint8)
    ramp = np.concatenate([ramp, np.full((32, 32, 1), 128, np.uint8)], -1)
    (frame,) = frames_of(gif([ramp], words=Words(below="a ramp")))
    assert np.abs(frame[:32] - ramp).mean() < 8 and frame[32:].min() < 64 and frame[33:].max() == 255
