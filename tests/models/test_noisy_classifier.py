"""The classifier of noisy digits: its noise level, its gradient, and what it reaches."""

import pytest
import torch

from core.diffusion.noise import generator
from core.models.mnist import CLASSES, DDPM, FLOW
from core.models.noisy_classifier import NoisyClassifier, build_noisy_classifier
from core.models.registry import availability, card, load


@pytest.fixture
def net() -> NoisyClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NoisyClassifier(4).eval()


def test_both_paths_are_one_scale_of_noise_levels(net):
    """a and s times any factor, and x_t with them, are the same state."""
    x, a, s = torch.rand(3, 1, 28, 28, generator=generator(0)), torch.rand(3, 1, 1, 1), torch.rand(3, 1, 1, 1)
    torch.testing.assert_close(net(x, a, s), net(2.5 * x, 2.5 * a, 2.5 * s))


@pytest.mark.parametrize("path", [DDPM, FLOW], ids=["ddpm", "flow"])
def test_every_timestep_is_read_with_its_own_level(net, path):
    x, t = (
        torch.rand(1, 1, 28, 28, generator=generator(1)).expand(4, -1, -1, -1),
        torch.tensor([-1, 0, path.T // 2, path.T - 1]),
    )
    logits = net.at(path, x, t)
    assert logits.shape == (4, CLASSES) and logits.isfinite().all()
    assert not torch.allclose(logits[1], logits[2]) and not torch.allclose(logits[2], logits[3])
    torch.testing.assert_close(net.at(path, x[:1], t[2:3])[0], logits[2])


def test_it_has_a_gradient_in_x_t_and_no_weight_asks_for_one():
    net = build_noisy_classifier({"hidden": 4}, NoisyClassifier(4).state_dict())
    x = torch.rand(2, 1, 28, 28, requires_grad=True)
    net.at(DDPM, x, torch.tensor([10, 200])).log_softmax(1)[:, 3].sum().backward()
    assert x.grad.abs().sum() > 0 and not any(p.requires_grad for p in net.parameters())


@pytest.mark.skipif(not availability("classifier-noisy")[0], reason="classifier-noisy is not in checkpoints/")
def test_the_shipped_one_reads_noisy_digits_and_pure_noise_by_chance():
    reached = card("classifier-noisy")["metrics"]["test_accuracy_by_t"]
    assert min(reached["ddpm"][t] for t in ("0", "50")) >= 0.99 and reached["ddpm"]["150"] >= 0.8
    assert reached["flow"]["999"] < 0.2, "pure noise tells nothing"
    assert load("classifier-noisy", "cpu").at(DDPM, torch.zeros(1, 1, 28, 28), torch.tensor([0])).shape == (1, CLASSES)
