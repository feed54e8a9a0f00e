"""Points in the plane: every set has its scale and two classes, and an exact mixture is that of the points drawn."""

import math

import pytest
import torch

from core.checks import Refused
from core.diffusion.distances import energy_distance
from core.diffusion.noise import generator
from core.diffusion.point_sets import BANDWIDTH, POINT_SETS, WIDEST, PointSet, fitted, gaussians, of_points
from core.diffusion.schedule import Schedule

PATH = Schedule.cosine(1000)
SETS = POINT_SETS | {f"{k} Gaussians": lambda k=k: gaussians(k) for k in range(2, 9)}
EVERY_SET = pytest.mark.parametrize("make", SETS.values(), ids=SETS)
EXACT = [name for name, make in SETS.items() if make().exact is not None]


@EVERY_SET
def test_a_set_lies_in_the_square_at_the_scale_of_noise_in_two_classes(make):
    x, classes = make().draw(5000, generator(1))
    assert x.shape == (5000, 2) and x.dtype == torch.float32 and x.abs().max() <= WIDEST
    assert 0.8 < x.std(0).max() < 1.6 and x.mean(0).abs().max() < 1
    assert sorted(set(classes.tolist())) == [0, 1] and 0.15 < classes.float().mean() < 0.85


@EVERY_SET
def test_the_same_generator_draws_the_same_points_and_another_others(make):
    (x, c), (y, d), (z, _) = (make().draw(50, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(x, y) and torch.equal(c, d) and not torch.equal(x, z)


def moments(x: torch.Tensor) -> torch.Tensor:
    """(2, 3): the mean and the rows of the covariance."""
    return torch.cat([x.mean(0)[:, None], x.T.cov()], 1)


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_mixture_has_the_moments_of_the_points_drawn(name):
    """Mean and covariance of a mixture by their formulas, for all points and for each class."""
    points, n = SETS[name](), 40_000
    x, drawn = points.draw(n, generator(3))
    weights, means, variances, classes = (part.double() for part in points.exact)
    for chosen, own in ((x, classes >= 0), *((x[drawn == k], classes == k) for k in (0, 1))):
        w = weights[own] / weights[own].sum()
        mean = w @ means[own]
        apart = means[own] - mean
        covariance = (apart.T * w) @ apart + (w @ variances[own]) * torch.eye(2)
        expected = torch.cat([mean[:, None], covariance], 1)
        bound = 5 * max(1.0, covariance.max().item()) * math.sqrt(2 / len(chosen))  # standard errors
        torch.testing.assert_close(moments(chosen.double()), expected, atol=bound, rtol=0)


def of_exact(points: PointSet, n: int, seed: int) -> torch.Tensor:
    """(n, 2) points of the exact mixture, drawn by torch.distributions."""
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    weights, means, variances, _ = points.exact
    parts = Independent(Normal(means, variances.sqrt()[:, None].expand(-1, 2)), 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MixtureSameFamily(Categorical(weights), parts).sample((n,))


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_mixture_is_as_near_to_the_points_drawn_as_they_are_to_each_other(name):
    points, n = SETS[name](), 2000
    data = points.draw(n, generator(1))[0]
    floor = sum(energy_distance(points.draw(n, generator(k))[0], data) for k in (2, 3, 4, 5)) / 4
    assert energy_distance(of_exact(points, n, 6), data) < 3 * floor


@pytest.mark.parametrize("name", [name for name in SETS if name not in EXACT])
def test_the_kernel_estimate_of_a_set_is_near_it(name):
    """400 points stand for all: their own floor is 1 / 400."""
    points, n = SETS[name](), 2000
    mixture = points.denoiser(PATH)
    rows = torch.randint(len(mixture.means), (n,), generator=generator(2))
    x = mixture.means[rows] + mixture.variances[0].sqrt() * torch.randn(n, 2, generator=generator(3))
    data, few = points.draw(n, generator(4))[0], points.draw(400, generator(5))[0]
    assert energy_distance(x, data) < 3 * energy_distance(few, data)
    assert sorted(set(mixture.labels.tolist())) == [0, 1]


@EVERY_SET
def test_a_blur_widens_every_component(make):
    plain, blurred = make().denoiser(PATH), make().denoiser(PATH, blur=0.5)
    torch.testing.assert_close(blurred.variances, plain.variances + 0.25)
    assert torch.equal(blurred.means, plain.means)


def test_the_checkerboard_has_points_on_dark_squares_alone():
    x, classes = POINT_SETS["checkerboard"]().draw(5000, generator(1))
    column, row = (x + 2).floor().long().T
    assert len(set(zip(column.tolist(), row.tolist(), strict=True))) == 8
    assert ((column + row) % 2 == 0).all() and torch.equal(classes, row % 2)


# ---- given points ----

MANY = torch.randn(10_000, 2, generator=generator(1)).clamp(-3, 3)


@pytest.mark.parametrize(
    "points", [torch.tensor([[0.5, -1.0]]), torch.full((7, 2), 1.5), MANY], ids=["one", "all alike", "10,000"]
)
def test_given_points_are_drawn_blurred_each_at_least_once(points):
    classes = torch.arange(len(points)) % 2
    n = max(500, len(points))
    x, drawn = of_points(points, classes).draw(n, generator(2))
    assert x.shape == (n, 2) and set(drawn.tolist()) == set(classes.tolist())
    for point in points[:20]:
        assert (x - point).norm(dim=1).min() < 5 * BANDWIDTH
    if len(points) < 10:
        assert (x - points[0]).std() == pytest.approx(BANDWIDTH, rel=0.1)


@pytest.mark.parametrize("points", [torch.tensor([[0.5, -1.0]]), torch.full((7, 2), 1.5)], ids=["one", "all alike"])
def test_the_exact_denoiser_of_points_in_one_place_knows_that_place(points):
    """One Gaussian: its posterior mean by the formula."""
    model, x = of_points(points, torch.zeros(len(points))).denoiser(PATH), torch.tensor([[1.0, 1.0]])
    a, s, v = PATH.a[500].item(), PATH.s[500].item(), BANDWIDTH**2
    found = model.predict(x, torch.tensor([500]), model.encode([None])).x_0
    expected = points[:1] + a * v / (a**2 * v + s**2) * (x - a * points[:1])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_denoiser_of_many_points_is_made_of_some_of_them():
    points = of_points(MANY, torch.arange(len(MANY)) % 2)
    assert points.exact is None and len(points.denoiser(PATH).means) <= 400


def test_a_class_of_one_point_among_thousands_is_drawn_and_is_in_the_denoiser():
    classes = torch.zeros(len(MANY), dtype=torch.long)
    classes[1234] = 1
    points = of_points(MANY, classes)
    x, drawn = points.draw(300, generator(1))
    assert (drawn == 1).any() and (x[drawn == 1] - MANY[1234]).norm(dim=1).max() < 5 * BANDWIDTH
    assert points.denoiser(PATH).encode([1]).isfinite().any()
    assert points.draw(1, generator(1))[0].shape == (1, 2) and points.draw(0, generator(1))[0].shape == (0, 2)


def test_a_few_points_are_the_mixture_themselves():
    model = of_points(MANY[:400], torch.zeros(400)).denoiser(PATH)
    assert torch.equal(model.means, MANY[:400])


def test_no_points_and_points_that_are_not_finite_are_refused():
    with pytest.raises(Refused, match="no points yet"):
        of_points(torch.zeros(0, 2), torch.zeros(0))
    with pytest.raises(Refused, match="finite"):
        of_points(torch.tensor([[0.0, math.nan]]), torch.zeros(1))
    with pytest.raises(Refused, match="finite"):
        fitted([[0.0, math.inf], [1.0, 2.0]])


# ---- points of any scale ----


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e5, 1e29, 1e300])
def test_points_of_any_size_and_place_are_fitted_alike(size):
    x = torch.randn(100, 2, generator=generator(1)).double() * torch.tensor([2.0, 1.0])
    torch.testing.assert_close(fitted((size * (x + 3)).tolist()), fitted(x.tolist()), atol=1e-4, rtol=0)


def test_fitted_points_are_centred_with_the_larger_deviation_one_and_their_shape():
    x = torch.rand(100, 2, generator=generator(1)) * torch.tensor([20.0, 10.0]) + 7
    y = fitted(x.tolist())
    torch.testing.assert_close(y.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    assert y.std(0, correction=0).max() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(y, (x - x.mean(0)) / x.std(0, correction=0).max(), atol=1e-4, rtol=0)


def test_an_outlier_stays_within_the_square():
    y = fitted([[0.0, 0.0]] * 99 + [[1e6, 0.0]])
    assert y.abs().max() <= WIDEST and y[-1, 0] - y[0, 0] > 2


@pytest.mark.parametrize("place", [[0.0, 0.0], [1e-20, 1.0], [1e25, -1e25]])
def test_points_all_alike_are_fitted_to_the_centre(place):
    assert fitted([place] * 3).abs().max() < 1e-5


def test_no_points_fitted_are_no_points():
    assert fitted([]).shape == (0, 2)
