"""Every view is what it says: a permutation or a sign, exactly undone, and legal or not by what it does to noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.diffusion.noise import generator, randn
from core.techniques.views import permutations
from core.techniques.views.catalogue import MAX_VIEWS, VIEWS, report, view_of, views_of

LEGAL = [name for name, view in VIEWS.items() if view.legal]
SEEDED = ["patches", "pixels", "jigsaw"]
EVERY = pytest.mark.parametrize("name", LEGAL)
SIZES = pytest.mark.parametrize("size", [6, 64, 66, 256])


def noise(size: int, b: int = 2, c: int = 3) -> torch.Tensor:
    return randn((b, c, size, size), generator(0))


def picture(size: int = 64) -> np.ndarray:
    """Random uint8 pixels (S, S, 3)."""
    return torch.randint(0, 256, (size, size, 3), generator=generator(1), dtype=torch.uint8).numpy()


# ---- Every legal view ----


@SIZES
@EVERY
def test_a_view_is_undone_exactly_and_keeps_the_norm(name, size):
    view, x = VIEWS[name], noise(size)
    y = view.apply(x)
    assert torch.equal(view.invert(y), x)
    assert torch.equal(view.apply(view.invert(x)), x)
    assert torch.equal(y.abs().flatten().sort().values, x.abs().flatten().sort().values)  # the same numbers, but signs
    assert (name == "identity") == torch.equal(y, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_keeps_shape_dtype_and_its_input(name, dtype):
    x = noise(8).to(dtype)
    before = x.clone()
    for do in (VIEWS[name].apply, VIEWS[name].invert, VIEWS[name].invert_variance):
        y = do(x)
        assert (y.shape, y.dtype) == (x.shape, x.dtype)
        y.zero_()  # a new tensor: this must not reach x
        assert torch.equal(x, before)


def matrix(view, size: int = 6) -> np.ndarray:
    """(N, N): column k is the view of the picture whose pixel k alone is 1."""
    basis = torch.eye(size * size, dtype=torch.float64).view(-1, 1, size, size)
    return view.apply(basis).flatten(1).numpy().T


@EVERY
def test_the_matrix_of_a_view_is_orthogonal_and_its_inverse_the_transpose(name):
    view, x = VIEWS[name], noise(6, 4, 1).double()
    A = matrix(view)
    np.testing.assert_array_equal(A @ A.T, np.eye(36))
    np.testing.assert_array_equal(view.apply(x).flatten(1), x.flatten(1).numpy() @ A.T)
    np.testing.assert_array_equal(view.invert(x).flatten(1), x.flatten(1).numpy() @ A)
    sign = -1 if name == "negate" else 1
    np.testing.assert_array_equal(view.invert_variance(x).flatten(1), sign * (x.flatten(1).numpy() @ A))


@pytest.mark.parametrize("name", ["blur", "white_balance"])
def test_the_matrix_of_an_illegal_view_is_not(name):
    colour = torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1).expand(3, 3, 4, 4)
    A = matrix(VIEWS[name]) if name == "blur" else VIEWS[name].apply(colour)[..., 0, 0].numpy()
    assert np.abs(A @ A.T - np.eye(len(A))).max() > 0.1


@pytest.mark.parametrize("name", VIEWS)
def test_noise_tells_whether_a_view_is_legal(name):
    assert report(VIEWS[name], seed=3).legal == VIEWS[name].legal


def test_the_report_says_what_is_wrong():
    blur, balance = report(VIEWS["blur"]), report(VIEWS["white_balance"])
    assert blur.variance < 0.2 and blur.correlation > 0.5 and blur.inverse_error > 0.1
    assert balance.variance == pytest.approx(1.4**2, abs=0.05)
    assert abs(balance.correlation) < 0.02 and balance.inverse_error < 1e-5


# ---- Against numpy ----

ORACLES = {
    "flip": np.flipud,
    "mirror": np.fliplr,
    "rotate_90": lambda x: np.rot90(x, -1),
    "rotate_180": lambda x: np.rot90(x, 2),
    "rotate_270": np.rot90,
    "negate": np.negative,
    "skew": lambda x: np.stack([np.roll(x[:, j], round(1.5 * (j - len(x) / 2))) for j in range(len(x))], 1),
}


@pytest.mark.parametrize("name", ORACLES)
def test_a_simple_view_is_that_of_numpy(name):
    x = noise(64, 1, 1)
    np.testing.assert_array_equal(VIEWS[name].apply(x)[0, 0], ORACLES[name](x[0, 0].numpy()))


def test_the_inner_circle_makes_a_half_turn_and_the_rest_stays():
    x = noise(64, 1, 1)[0, 0].numpy()
    y = VIEWS["inner_circle"].apply(torch.from_numpy(x.copy())[None, None])[0, 0].numpy()
    axis = np.arange(64) - 31.5
    disc = axis[:, None] ** 2 + axis**2 < 24**2
    np.testing.assert_array_equal(y, np.where(disc, np.rot90(x, 2), x))


@pytest.mark.parametrize("size, rim", [(64, 0), (256, 0), (8, 1)])
def test_the_square_hinge_turns_nine_squares_against_each_other(size, rim):
    x, side = noise(size, 1, 1)[0, 0].numpy(), size // 3
    expected = x.copy()
    for i in range(3):
        for j in range(3):
            cell = np.s_[rim + i * side : rim + (i + 1) * side, rim + j * side : rim + (j + 1) * side]
            expected[cell] = np.rot90(x[cell], -1 if (i + j) % 2 == 0 else 1)
    y = VIEWS["square_hinge"].apply(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(y, expected)


def test_patches_stay_whole():
    x = noise(64, 1, 1)[0, 0]
    y = VIEWS["patches"].apply(x[None, None])[0, 0]
    before, after = (k.unfold(0, 8, 8).unfold(1, 8, 8).reshape(64, -1) for k in (x, y))
    where = (after[:, None] == before[None]).all(-1)  # (64, 64) patch i of the view is patch j of the picture
    assert (where.sum(0) == 1).all() and (where.sum(1) == 1).all()


# ---- Seeds and sizes ----


@pytest.mark.parametrize("name", SEEDED)
def test_the_seed_decides_the_shuffle(name):
    x = noise(64)
    views = [view_of(name, seed) for seed in (5, 5, 6)]
    one, same, other = (view.apply(x) for view in views)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert [view.seed for view in views] == [5, 5, 6]
    assert torch.equal(VIEWS[name].apply(x), replace(VIEWS[name]).apply(x))


@pytest.mark.parametrize("name", [n for n in LEGAL if n not in ("inner_circle", "square_hinge", "jigsaw", "skew")])
def test_a_view_of_256_pixels_is_that_of_64_enlarged(name):
    """So that a second stage that enlarges a picture can keep both readings. Round shapes and slopes aside."""
    x = noise(64)
    large = x.repeat_interleave(4, -1).repeat_interleave(4, -2)
    expected = VIEWS[name].apply(x).repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.equal(VIEWS[name].apply(large), expected)


@pytest.mark.parametrize("size", [4, 10, 62, 64, 96, 256])
@pytest.mark.parametrize("seed", range(5))
def test_a_jigsaw_is_a_permutation_for_every_seed(seed, size):
    index = permutations.jigsaw(size, seed).index()
    assert torch.equal(index.sort().values, torch.arange(size * size))


@pytest.mark.parametrize("size", [64, 256])
def test_jigsaw_pieces_have_tabs_and_are_in_one_piece(size):
    labels = permutations.jigsaw(size, 1).labels
    cell = np.arange(size) * 4 // size
    outside = labels != cell[:, None] * 4 + cell
    assert 0.05 < outside.mean() < 0.2
    for k in range(16):
        assert connected(labels == k)
        assert (outside & ((labels == k) | (cell[:, None] * 4 + cell == k))).any()  # a tab or a socket
    moved = permutations.jigsaw(size, 1)
    assert np.abs(moved.start - moved.end).max() > size / 4


def connected(mask: np.ndarray) -> bool:
    """Whether a set of pixels hangs together: grown from one of them inside the set until nothing is added."""
    grown, before = np.zeros_like(mask), -1
    grown[tuple(np.argwhere(mask)[0])] = True
    while grown.sum() != before:
        before = grown.sum()
        for axis in (0, 1):
            for way in (1, -1):
                grown |= np.roll(grown, way, axis) & mask
    return bool((grown == mask).all())


# ---- Animation ----


@pytest.mark.parametrize("name", VIEWS)
def test_a_tween_goes_from_the_picture_to_its_view(name):
    view, pixels = VIEWS[name], picture()
    before = pixels.copy()
    frames = view.tween(pixels, 7)
    assert len(frames) == 7
    assert all(frame.shape == pixels.shape and frame.dtype == np.uint8 for frame in frames)
    np.testing.assert_array_equal(frames[0], pixels)
    np.testing.assert_array_equal(pixels, before)
    if view.legal and name != "negate":
        after = view.apply(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(frames[-1], after)
    moving = {k for k in range(6) if not np.array_equal(frames[k], frames[k + 1])}
    assert moving == (set() if name == "identity" else set(range(6)))


@pytest.mark.parametrize("name", [n for n, v in VIEWS.items() if hasattr(v, "cut")])
def test_a_tween_of_pieces_ends_where_the_permutation_does(name):
    """The last moment of the moving pieces is drawn by other code than the view."""
    pixels = picture()
    cut = VIEWS[name].cut(64, VIEWS[name].seed) if VIEWS[name].seed is not None else VIEWS[name].cut(64)
    np.testing.assert_array_equal(cut.frame(pixels, 0.0), pixels)
    np.testing.assert_array_equal(cut.frame(pixels, 1.0), VIEWS[name].tween(pixels, 2)[-1])


def test_the_negative_tween_passes_through_grey():
    pixels = picture()
    frames = VIEWS["negate"].tween(pixels, 3)
    assert np.abs(frames[1].astype(int) - 127.5).max() <= 0.5
    np.testing.assert_array_equal(frames[2], 255 - pixels)


def test_a_half_turn_passes_through_a_quarter_turn():
    pixels = picture()
    np.testing.assert_array_equal(VIEWS["rotate_180"].tween(pixels, 3)[1], np.rot90(pixels, -1))


# ---- Names ----


@pytest.mark.parametrize("name", ["", "sideways", None, 3, ["flip"]])
def test_an_unknown_view_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match="The view must be one of identity, flip"):
        view_of(name)


def test_an_anagram_has_at_most_four_views():
    assert len(views_of(["identity"] * MAX_VIEWS)) == MAX_VIEWS
    for names in ([], ["identity"] * (MAX_VIEWS + 1)):
        with pytest.raises(ValueError, match="from 1 to 4 views"):
            views_of(names)
