"""Training as a generator: it learns, stops where it is left, repeats from there, and averages."""

import pytest
import torch
from torch import nn

from core.diffusion.training import Curve, Ema, Progress, clipped, train


def line(seed: int = 0) -> nn.Linear:
    """A linear network of one input."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(1, 1)


def fitting(net: nn.Linear, start: int = 0, optimiser: torch.optim.Optimizer | None = None, **how):
    """Fit y = 3 x - 1; the batch depends on the update's number alone."""

    def loss(k):
        x = torch.randn(16, 1, generator=torch.Generator().manual_seed(k))
        return (net(x) - (3 * x - 1)).square().mean()

    optimiser = optimiser or torch.optim.SGD(net.parameters(), lr=0.1)
    return train(net, [optimiser], loss, lambda k: 0.1 / (1 + k / 50), start, **how)


def test_it_learns_and_counts_its_updates_from_one():
    net = line()
    done = [progress for _, progress in zip(range(200), fitting(net), strict=False)]
    assert [p.step for p in done] == list(range(1, 201))
    assert done[-1].loss < 1e-4 < done[0].loss and not done[0].loss.requires_grad
    assert net.weight.item() == pytest.approx(3, abs=0.02) and net.bias.item() == pytest.approx(-1, abs=0.02)


def test_going_on_equals_not_having_stopped():
    whole, part = line(), line()
    for _ in zip(range(20), fitting(whole), strict=False):
        pass
    for start, n in ((0, 7), (7, 13)):
        for _ in zip(range(n), fitting(part, start), strict=False):
            pass
    assert torch.equal(whole.weight, part.weight) and torch.equal(whole.bias, part.bias)


def test_it_trains_though_its_consumer_has_gradients_off():
    net, updates = line(), None
    with torch.no_grad():
        updates = fitting(net)
        first = next(updates).loss
        for _ in range(30):
            last = next(updates).loss
        assert not torch.is_grad_enabled()
    assert last < first / 2


def test_the_rate_of_an_update_depends_on_its_number():
    net = line()
    optimiser = torch.optim.SGD(net.parameters(), lr=9.0)
    next(fitting(net, 50, optimiser))
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05)


def test_the_gradient_is_clipped():
    """A step of SGD is the rate times the gradient, whose norm is at most that of `clipped`."""
    net, before = line(), line()
    next(fitting(net, backward=clipped(net, 0.01)))
    step = torch.cat([net.weight.flatten() - before.weight.flatten(), net.bias - before.bias])
    assert step.norm().item() == pytest.approx(0.1 * 0.01, rel=1e-4)


def test_the_average_is_updated_with_the_network():
    net = line()
    average = Ema(net, 0.5)
    start = average.shadow["weight"].clone()
    next(fitting(net, average=average))
    assert torch.allclose(average.shadow["weight"], torch.lerp(start, net.weight, 1 - 2 / 11))


def test_a_curve_has_the_mean_of_every_few_losses_and_goes_on_later():
    curve = Curve(3)
    losses = torch.tensor([1.0, 2.0, 6.0, 4.0, 5.0, 9.0])
    for k in range(5):
        curve.add(Progress(k + 1, losses[k]))
    assert curve.points == [[3, 3.0]] and len(curve.pending) == 2
    resumed = Curve(3, curve.points, torch.stack(curve.pending))
    resumed.add(Progress(6, losses[5]))
    assert resumed.points == [[3, 3.0], [6, 6.0]] and not resumed.pending


def test_the_average_is_the_past_and_a_little_of_the_new():
    """From 0 to 10: the past weighs 2/11, then 3/12 in the warm-up, and `decay` in the end."""
    net = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(net.weight)
    ema, found = Ema(net, 0.9), []
    torch.nn.init.constant_(net.weight, 10.0)
    for n in (1, 2, 1000):
        ema.update(net, n)
        found.append(ema.shadow["weight"].item())
    assert found == pytest.approx([10 * (1 - 2 / 11), 10 * (1 - 2 / 11 * 3 / 12), 10 * (1 - 2 / 11 * 3 / 12 * 0.9)])


def test_the_average_follows_the_weights():
    net = torch.nn.Linear(1, 1)
    ema = Ema(net, 0.9)
    with torch.no_grad():
        net.weight.fill_(10.0)
    for n in range(1, 400):
        ema.update(net, n)
    assert ema.shadow["weight"].item() == pytest.approx(10.0, abs=1e-3)


def test_players_move_one_after_the_other_and_have_a_curve_each():
    """One wants x = 2 y, the other y = 1; each has a gradient for its own number alone."""
    net = nn.ParameterDict({"x": nn.Parameter(torch.tensor(0.0)), "y": nn.Parameter(torch.tensor(0.0))})
    seen = []

    def first(k):
        seen.append(("x", net["y"].item()))
        return (net["x"] - 2 * net["y"].detach()).square()

    def second(k):
        seen.append(("y", net["x"].item()))
        return (net["y"] - 1).square() + 0 * net["x"].detach()

    curve = Curve(10)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for _, progress in zip(range(60), train(net, [optimiser], [first, second], lambda k: 0.1), strict=False):
        assert progress.loss.shape == (2,) and not progress.loss.requires_grad
        curve.add(progress)
    assert [name for name, _ in seen[:4]] == ["x", "y", "x", "y"] and seen[2][1] != seen[0][1]
    assert net["x"].item() == pytest.approx(2, abs=0.01) and net["y"].item() == pytest.approx(1, abs=0.01)
    assert [len(point) for point in curve.points] == [3] * 6 and curve.points[-1][1] < curve.points[1][1]
