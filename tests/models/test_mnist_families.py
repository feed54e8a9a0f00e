"""The VAE and the GAN: shapes, their losses in closed form, what the critic is bound to, and the decoder that ships."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from core.models.mnist import CLASSES, one_hot
from core.models.mnist_families import GAN, LATENT, NETWORKS, VAE, Decoder, OneCall, build_one_call
from core.models.mnist_losses import critic_loss, generator_loss, vae_loss

HIDDEN = 4


@pytest.fixture
def seeded():
    """The same random weights in every test, and the global generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield torch.Generator().manual_seed(1)


def digits(g: torch.Generator, n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """n pictures of random pixels, and their classes."""
    return torch.rand(n, 1, 28, 28, generator=g), torch.randint(CLASSES, (n,), generator=g)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_decoder_that_ships_draws_the_same_digits_from_the_same_codes(name, seeded):
    net = NETWORKS[name](HIDDEN)
    weights = {k.removeprefix("decoder."): v for k, v in net.state_dict().items() if k.startswith("decoder.")}
    model = build_one_call({"hidden": HIDDEN}, weights)
    z = torch.randn(5, LATENT, generator=seeded)
    x, again = model.draw(z, [3, 1, 4, 1, 5]), model.to("cpu").draw(z, [3, 1, 4, 1, 5])
    assert x.shape == (5, 1, 28, 28) and x.min() >= 0 and x.max() <= 1 and x.dtype == torch.float32
    assert torch.equal(x, again) and not x.requires_grad
    assert not torch.equal(x[1], x[3]), "one class, two codes"
    assert not torch.equal(x[:1], model.draw(z[:1], [4])), "one code, two classes"
    assert torch.allclose(x[2:3], model.draw(z[2:3], [4]), atol=1e-6), "a digit does not depend on those beside it"


def test_the_elbo_is_that_of_the_distributions(seeded):
    net = VAE(HIDDEN).eval()
    x, labels = digits(seeded)
    c = one_hot(labels.tolist())
    mean, log_variance = net.encode(x, c)
    q, g = Normal(mean, (log_variance / 2).exp()), torch.Generator().manual_seed(5)
    z = q.mean + q.stddev * torch.randn(mean.shape, generator=torch.Generator().manual_seed(5))
    p = Bernoulli(logits=net.decoder(z, c), validate_args=False)
    expected = -p.log_prob(x).sum() / len(x) + kl_divergence(q, Normal(0.0, 1.0)).sum() / len(x)
    assert vae_loss(net, x, labels, g).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_losses_of_the_gan_are_those_of_its_answers(seeded):
    net = GAN(HIDDEN).eval()
    x, labels = digits(seeded)
    c = one_hot(labels.tolist())
    drawn = OneCall(net.decoder).draw(
        torch.randn(6, LATENT, generator=torch.Generator().manual_seed(5)), labels.tolist()
    )
    real, unreal = net.judge(x, c).sigmoid(), net.judge(drawn, c).sigmoid()
    found = critic_loss(net, x, labels, torch.Generator().manual_seed(5))
    assert found.item() == pytest.approx(-(real.log() + (1 - unreal).log()).mean().item(), rel=1e-4)
    found = generator_loss(net, x, labels, torch.Generator().manual_seed(5))
    assert found.item() == pytest.approx(-unreal.log().mean().item(), rel=1e-4)


def test_a_critic_that_cannot_tell_answers_one_half(seeded):
    net = GAN(HIDDEN)
    net.judge = lambda x, c: torch.zeros(len(x), requires_grad=True)
    x, labels = digits(seeded)
    assert critic_loss(net, x, labels, seeded).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(net, x, labels, seeded).item() == pytest.approx(math.log(2))


def test_a_decoder_of_another_size_is_refused():
    with pytest.raises(RuntimeError):
        build_one_call({"hidden": HIDDEN + 1}, Decoder(HIDDEN).state_dict())
