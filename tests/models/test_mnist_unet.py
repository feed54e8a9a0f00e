"""The course's U-Net: its size, its conditioning, and its place behind the denoiser contract. No weights needed."""

import pytest
import torch

from core.diffusion.guidance import classifier_guide, guide
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models.mnist import CLASSES, DDPM, FLOW, SHAPE, Classifier, Digits, ddpm_time, flow_time, one_hot
from core.models.mnist_unet import ConvBlock, DownBlock, FCBlock, UNet, UpBlock

D = 8
KINDS = pytest.mark.parametrize("time, classes", [(False, 0), (True, 0), (True, 10)], ids=["plain", "time", "class"])


@pytest.fixture(scope="module")
def net() -> UNet:
    """A small U-Net with random weights, whose BatchNorms have met one batch: without, it all but ignores its input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = UNet(D, time=True, classes=CLASSES).requires_grad_(False)
    for module in net.modules():
        module.momentum = 1.0  # running statistics become this batch's
    net(digits(16), torch.linspace(0, 1, 16), one_hot([k % 10 for k in range(16)]))
    return net.eval()


def digits(n: int) -> torch.Tensor:
    """n noise images (n, 1, 28, 28)."""
    return randn((n, *SHAPE), generator(1))


# ---- The network ----


@pytest.mark.parametrize(
    "block, x, expected",
    [
        (ConvBlock(3, D), (2, 3, 28, 28), (2, D, 28, 28)),
        (DownBlock(3, D), (2, 3, 28, 28), (2, D, 14, 14)),
        (UpBlock(3, D), (2, 3, 14, 14), (2, D, 28, 28)),
        (FCBlock(10, D), (2, 10), (2, D, 1, 1)),
    ],
)
def test_shapes_of_the_blocks(block, x, expected):
    assert block(torch.zeros(x)).shape == expected


@KINDS
def test_an_image_goes_in_and_an_image_comes_out(time, classes):
    options = (torch.rand(3, generator=generator(0)) if time else None, one_hot([3, None, 5]) if classes else None)
    assert UNet(D, time, classes)(digits(3), *options).shape == (3, *SHAPE)


def test_the_number_of_parameters():
    assert sum(p.numel() for p in UNet(64, time=True, classes=10).parameters()) == 2_019_201


def test_time_and_class_change_the_answer(net):
    x = digits(1).expand(4, -1, -1, -1)
    out = net(x, torch.tensor([0.1, 0.9, 0.1, 0.1]), one_hot([3, 3, 5, None]))
    for other in out[1:]:
        assert (other - out[0]).abs().max() > 1e-2


def test_each_row_has_its_own_time_and_class(net):
    x, t, c = digits(3), torch.tensor([0.1, 0.5, 0.9]), one_hot([3, None, 5])
    batch = net(x, t, c)
    for k in range(3):
        torch.testing.assert_close(batch[k : k + 1], net(x[k : k + 1], t[k : k + 1], c[k : k + 1]), atol=1e-5, rtol=0)


def test_conditioning_scales_by_the_class_and_shifts_by_the_time(net):
    """unflatten = c1 * unflatten + t1 and up1 = c2 * up1 + t2, seen at the doors of the blocks that follow."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, inputs, output, name=name: seen.update({name: (inputs[0], output)}))
        for name, module in net.named_children()
    ]
    c = one_hot([3, None])
    net(digits(2), torch.tensor([0.1, 0.9]), c)
    for hook in hooks:
        hook.remove()
    (at_up1, up1), (at_up2, _), (_, unflatten) = seen["up1"], seen["up2"], seen["unflatten"]
    (c1_in, c1), (c2_in, c2), (t1_in, t1), (t2_in, t2) = (seen[name] for name in ("c1", "c2", "t1", "t2"))
    torch.testing.assert_close(at_up1, torch.cat([c1 * unflatten + t1, seen["down2"][1]], 1))
    torch.testing.assert_close(at_up2, torch.cat([c2 * up1 + t2, seen["down1"][1]], 1))
    assert torch.equal(c1_in, c) and torch.equal(c2_in, c)
    assert t1_in.tolist() == t2_in.tolist() == torch.tensor([[0.1], [0.9]]).tolist()
    assert t1.shape == c1.shape == (2, 2 * D, 1, 1) and t2.shape == c2.shape == (2, D, 1, 1)


# ---- The contract ----


def test_a_dropped_class_is_a_row_of_zeros():
    assert one_hot([None, 0, 9]).tolist() == [[0] * 10, [1] + [0] * 9, [0] * 9 + [1]]


def test_guidance_drops_the_class(net):
    denoiser, t = Digits(net, "ddpm"), torch.tensor([200, 50])
    p = guide(denoiser, 0).predict(digits(2), t, denoiser.encode([3, 5]))
    expected = net(digits(2), ddpm_time(t), torch.zeros(2, 10))
    torch.testing.assert_close(p.eps, expected)


def test_times_of_the_two_networks():
    """DDPM counts noise up to 1; the flow network is told tau, the signal level, from 0 at pure noise."""
    t = torch.arange(300)
    torch.testing.assert_close(ddpm_time(t), torch.linspace(1 / 300, 1, 300))
    t = torch.arange(1000)
    torch.testing.assert_close(flow_time(t), FLOW.a[t].float())


def test_ddpm_digits_predict_noise(net):
    x, t, c = digits(3), torch.tensor([299, 100, 0]), one_hot([3, None, 5])
    p = Digits(net, "ddpm").predict(x, t, c)
    torch.testing.assert_close(p.eps, net(x, (t + 1) / 300, c))
    torch.testing.assert_close(DDPM.forward(p.x_0, t, p.eps), x)


def test_flow_digits_predict_velocity(net):
    x, t, c = digits(3), torch.tensor([999, 500, 0]), one_hot([3, None, 5])
    p = Digits(net, "flow").predict(x, t, c)
    torch.testing.assert_close(p.x_0 - p.eps, net(x, 1 - (t + 1) / 1000, c), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(FLOW.forward(p.x_0, t, p.eps), x)


@pytest.mark.parametrize("kind", ["ddpm", "flow"])
def test_digits_under_every_guidance_and_sampler(net, kind):
    """Digits predict in inference mode, whose tensors autograd refuses: classifier guidance must not meet one."""
    denoiser = guide(Digits(net, kind), 2.0)
    if kind == "ddpm":
        classifier = Classifier(4).eval()
        denoiser = classifier_guide(denoiser, lambda x_t, t: classifier(x_t).log_softmax(1)[:, 3], 1.0)
    visits = visits_together(denoiser.schedule.timesteps(3), 2)
    run = ddim(denoiser, digits(2), visits, denoiser.encode([3, 5]), generator(7), 1)
    *_, step = run
    assert step.x_t.shape == (2, *SHAPE) and step.x_t.isfinite().all()


def test_the_classifier_names_digits_and_lends_features():
    classifier = Classifier(4)
    assert classifier(digits(2)).shape == (2, CLASSES)
    assert classifier.features(digits(2)).shape == (2, 16)
