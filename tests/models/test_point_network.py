"""The network for points in the plane: its targets read back, and its inputs."""

import pytest
import torch

from core.checks import Refused
from core.diffusion.denoiser import Prediction
from core.diffusion.noise import generator, randn
from core.diffusion.schedule import Schedule
from core.models.point_network import TARGETS, PointDenoiser, PointNet, read, time_of, wanted

PATHS = {"cosine": Schedule.cosine(1000), "linear": Schedule.linear(1000), "flow": Schedule.flow(1000)}
EVERY_PATH = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)
T = torch.tensor([998, 700, 300, 20, 0])
X_0, EPS = randn((2, 5, 2), generator(1)).double()


@EVERY_PATH
@EVERY_TARGET
def test_a_network_that_says_what_is_wanted_is_read_as_both_ends(path, target):
    x_t = path.forward(X_0, T, EPS)
    p = read(path, target, x_t, T, wanted(path, target, X_0, T, EPS))
    torch.testing.assert_close((p.x_0, p.eps), (X_0, EPS), atol=1e-8, rtol=1e-8)


@EVERY_PATH
def test_what_is_wanted_is_each_target_by_its_formula(path):
    a, s = path.a[T][:, None], path.s[T][:, None]
    made = {target: wanted(path, target, X_0, T, EPS) for target in TARGETS}
    torch.testing.assert_close(made, {"v": a * EPS - s * X_0, "eps": EPS, "x_0": X_0, "u": X_0 - EPS})


@EVERY_TARGET
def test_at_pure_noise_the_ends_are_finite_and_meet_in_x_t(target):
    """On the straight path a = 0 at the first timestep: eps says nothing about x_0, which is then 0; others do."""
    path, t = PATHS["flow"], torch.full((5,), 999)
    assert path.a[999] == 0
    p = read(path, target, EPS, t, wanted(path, target, X_0, t, EPS))
    torch.testing.assert_close(p.eps, EPS)
    torch.testing.assert_close(p.x_0, torch.zeros(5, 2).double() if target == "eps" else X_0)
    torch.testing.assert_close(path.forward(p.x_0, t, p.eps), EPS)


@EVERY_PATH
@EVERY_TARGET
def test_the_denoiser_reads_its_network(path, target):
    net = PointNet(16, 2).double()
    model, x_t = PointDenoiser(net, path, target), path.forward(X_0, T, EPS)
    cond = model.encode([0, 1, None, 0, 1])
    assert cond.tolist() == [0, 1, 2, 0, 1] and model.shape == (2,)
    p = model.predict(x_t, T, cond)
    expected: Prediction = read(path, target, x_t, T, net(x_t, (T.double() + 1) / 1000, cond))
    assert torch.equal(p.x_0, expected.x_0) and torch.equal(p.eps, expected.eps)
    torch.testing.assert_close(path.forward(p.x_0, T, p.eps), x_t)


def test_time_runs_from_the_clean_end_to_noise():
    path = Schedule.flow(10)
    assert time_of(path, torch.tensor([-1, 4, 9]), torch.zeros(3, 2)).tolist() == pytest.approx([0, 0.5, 1])
    assert time_of(path, torch.tensor([4]), X_0).dtype == torch.float64


@pytest.mark.parametrize("prompt", [2, -1, 0.5, "0", "cat"])
def test_a_class_that_is_none_is_refused(prompt):
    model = PointDenoiser(PointNet(16, 2), PATHS["flow"], "v")
    with pytest.raises(Refused, match="class must be a whole number from 0 to 1"):
        model.encode([0, prompt])


def test_the_answer_depends_on_the_point_the_time_and_the_class():
    torch.manual_seed(0)
    net, x = PointNet(32, 3), randn((4, 2), generator(1))
    tau, c = torch.full((4,), 0.3), torch.zeros(4, dtype=torch.long)
    here = net(x, tau, c)
    for other in (net(x + 0.1, tau, c), net(x, tau + 0.1, c), net(x, tau, c + 1), net(x, tau, c + 2)):
        assert (other - here).abs().max() > 1e-3


@pytest.mark.parametrize("width, depth, outputs, classes", [(16, 2, 2, 2), (256, 4, 2, 2), (64, 3, 5, 0)])
def test_a_network_has_its_layers_and_one_row_for_no_class(width, depth, outputs, classes):
    net = PointNet(width, depth, outputs, classes)
    inputs = 2 + 16 + 1 + 8  # a point, its waves, the time, its waves
    expected = (inputs + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * outputs
    expected += (classes + 1) * width if classes else 0
    assert sum(p.numel() for p in net.parameters()) == expected
    c = torch.full((3,), classes) if classes else None
    assert net(torch.zeros(3, 2), torch.zeros(3), c).shape == (3, outputs)
