"""Training: the loss falls, and a run that was killed ends with the same weights as one that was not."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.checks import ModelError
from core.datasets.mnist import mnist
from core.models import course
from core.models.mnist import DDPM
from training import epochs, mnist_run, publish, train_mnist
from training.mnist_recipes import RECIPES, losses_of
from training.mnist_run import Run

pytestmark = pytest.mark.slow

TINY = {"hidden": 4, "batch": 8, "epochs": 2}


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    """A stand-in for MNIST that follows from a seed: bars at a place that tells the class."""

    def bars(train, folder=None):
        g = torch.Generator().manual_seed(int(train))
        labels = torch.randint(10, (64,), generator=g)
        x = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
        for row, k in zip(x, labels.tolist(), strict=True):
            row[:, 4:24, 2 * k + 3 : 2 * k + 6] = 255
        return x, labels

    monkeypatch.setattr(mnist_run, "mnist", bars)
    monkeypatch.setattr(publish, "mnist", bars)
    monkeypatch.setattr(epochs, "mnist", bars)


def run(name: str, folder, **changes) -> Run:
    """A tiny run of a recipe, in float32 on the CPU."""
    recipe = dataclasses.replace(RECIPES[name], **TINY | changes)
    return Run(recipe, folder / name, seed=3, device="cpu", bf16=False)


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "gan"])
def test_two_steps_lower_the_loss(name, tmp_path):
    made = run(name, tmp_path, lr=1e-2)

    def loss():
        return made.loss(0).item()

    before = loss()
    for _ in range(2):
        made.optimiser.zero_grad()
        made.loss(0).backward()
        made.optimiser.step()
    assert loss() < before


@pytest.mark.parametrize("wanted", [torch.channels_last, torch.contiguous_format], ids=str)
def test_a_network_is_trained_as_its_device_wants_it_to_lie_in_memory(wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_run, "layout", lambda device: wanted)
    kernels = [p for p in run("flow-class", tmp_path).net.parameters() if p.ndim == 4 and min(p.shape) > 1]
    assert len(kernels) > 10 and all(p.is_contiguous(memory_format=wanted) for p in kernels)


def digits(n: int = 1000) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """n pictures (n, 1, 28, 28), their classes, and the source of a loss's random numbers."""
    g = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 28, 28, generator=g), torch.randint(10, (n,), generator=g), g


@pytest.mark.parametrize(
    "name, knowing",
    [
        ("flow-class", lambda x_0, x, t: (x_0 - x) / (1 - t).view(-1, 1, 1, 1)),
        ("ddpm-class", lambda x_0, x, t: DDPM.eps(x, (t * 300).round().long() - 1, x_0)),
    ],
    ids=["flow", "ddpm"],
)
def test_a_network_that_knows_the_digit_has_no_loss(name, knowing):
    x_0, labels, g = digits()
    seen = []
    loss = losses_of(RECIPES[name])[0](lambda x, t, c: seen.append((t, c)) or knowing(x_0, x, t), x_0, labels, g)
    assert loss.item() < 1e-6
    ((times, classes),) = seen
    assert 0 <= times.min() < 0.01 and 0.99 < times.max() <= 1
    assert times.mean().item() == pytest.approx(0.5, abs=0.03) and times.var().item() == pytest.approx(1 / 12, abs=0.01)
    kept = classes.any(1)
    assert (classes.argmax(1) == labels)[kept].all() and kept.float().mean().item() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("name, keep, sigma", [("denoiser", 1.0, 0.5), ("denoiser-noise", 0.0, 1.0)])
def test_a_single_step_denoiser_gets_noise_and_is_asked_for_the_digit(name, keep, sigma):
    x_0, labels, g = digits(300)
    seen = []
    assert losses_of(RECIPES[name])[0](lambda z: seen.append(z) or x_0, x_0, labels, g) == 0
    noise = (seen[0] - keep * x_0).flatten()
    assert noise.mean().item() == pytest.approx(0, abs=0.01) and noise.std().item() == pytest.approx(sigma, abs=0.01)
    assert torch.corrcoef(torch.stack([noise, x_0.flatten()]))[0, 1].abs() < 0.01


def test_both_players_of_a_gan_learn_in_an_update_and_each_from_its_own_loss_alone(tmp_path):
    made = run("gan", tmp_path)
    halves = {"decoder": made.net.decoder, "critic": made.net.critic}
    for player, learns in enumerate(("critic", "decoder")):
        made.net.zero_grad()
        made.loss(0, player).backward()
        for name, half in halves.items():
            gradients = [p.grad is not None and bool(p.grad.any()) for p in half.parameters()]
            assert all(gradients) if name == learns else not any(gradients), (learns, name)
    before = {k: v.clone() for k, v in made.net.named_parameters()}
    made.train(stop_after=1)
    assert all(not torch.equal(v, before[k]) for k, v in made.net.named_parameters())
    assert made.validation == [] and len(made.curve.pending) == 1 and made.curve.pending[0].shape == (2,)


def test_two_steps_of_the_critic_lower_its_loss(tmp_path):
    made = run("gan", tmp_path, lr=1e-2)
    losses = []
    for _ in range(3):
        made.optimiser.zero_grad()
        losses.append(made.loss(0))
        losses[-1].backward()
        made.optimiser.step()
    assert losses[2] < losses[0]


@pytest.mark.parametrize("name, killed_after", [("ddpm-class", 1), ("ddpm-class", 8), ("ddpm-class", 11), ("gan", 11)])
def test_a_killed_run_resumes_to_the_same_weights(name, killed_after, tmp_path):
    whole = run(name, tmp_path / "whole")
    whole.train()
    run(name, tmp_path / "killed").train(stop_after=killed_after)
    resumed = run(name, tmp_path / "killed")
    assert resumed.step == killed_after
    resumed.train()
    assert resumed.step == whole.step == 16
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[key]), key
        assert torch.equal(whole.ema.shadow[key], resumed.ema.shadow[key]), key
    assert whole.validation == resumed.validation
    assert torch.equal(torch.stack(whole.curve.pending), torch.stack(resumed.curve.pending))
    assert resumed.cpu_seconds > 0


def test_the_rate_falls_from_epoch_to_epoch(tmp_path):
    made = run("ddpm-class", tmp_path, lr=1e-3, decay=0.5)
    rates = []
    for steps in (1, made.steps_per_epoch):
        made.train(stop_after=steps)
        rates += [group["lr"] for group in made.optimiser.param_groups]
    assert rates == pytest.approx([1e-3, 5e-4])


def test_another_recipe_is_not_resumed(tmp_path):
    run("ddpm-class", tmp_path).train(stop_after=1)
    with pytest.raises(ValueError, match="belongs to another recipe"):
        run("ddpm-class", tmp_path, lr=0.5)


def test_noise_is_fresh_in_every_batch_and_the_order_in_every_epoch(tmp_path):
    made = run("ddpm-class", tmp_path)
    draws = [torch.randn(4, generator=made._generator(step)) for step in (0, 1, 2)]
    assert not torch.equal(draws[0], draws[1]) and not torch.equal(draws[1], draws[2])
    made._batch(made.step)
    first = made._order.clone()
    made.step = made.steps_per_epoch
    made._batch(made.step)
    assert not torch.equal(first, made._order) and sorted(first.tolist()) == sorted(made._order.tolist())


def test_the_class_is_dropped_about_one_time_in_ten():
    from core.models.mnist_losses import dropped

    rows = dropped(torch.arange(10).repeat(1000), 0.1, torch.Generator().manual_seed(0))
    assert rows.sum(1).eq(0).float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_publishing_writes_weights_that_load_and_a_card_that_tells(tmp_path, monkeypatch):
    from core.models import checkpoint, registry

    made = run("ddpm-time", tmp_path / "work")
    made.train()
    card = publish.publish(made, tmp_path)
    model = registry.load("ddpm-time", "cpu", tmp_path)
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    chosen = made.ema.shadow if card["weights"] == "ema" else made.net.state_dict()
    made.net.load_state_dict(chosen)
    made.net.eval()
    time, none = torch.full((2,), 0.5), torch.zeros(2, 10)
    assert torch.allclose(made.net(x, time, none), model.net(x, time, none), atol=2e-2)
    assert card["differs_from_published"]["hidden"] == {"published": 64, "used": 4}
    assert (tmp_path / "ddpm-time" / "epoch-01.gif").exists()

    file = tmp_path / "ddpm-time" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-8] + b"damaged!")
    checkpoint.CHECKPOINT.release()
    with pytest.raises(ModelError, match=r"damaged \(its checksum is wrong\)"):
        registry.load("ddpm-time", "cpu", tmp_path)
    file.unlink()
    with pytest.raises(ModelError, match="is missing"):
        registry.load("ddpm-time", "cpu", tmp_path)


@pytest.mark.parametrize("raw, averaged, better", [(0.2, 0.1, "ema"), (0.1, 0.2, "raw"), (0.1, 0.1, "ema")])
def test_the_better_weights_are_published(raw, averaged, better, tmp_path):
    made = run("denoiser", tmp_path / "work")
    with torch.no_grad():
        made.net.leave[1].bias.fill_(2.0)
    made.validation = [[1, averaged, raw], [2, raw, averaged]]
    card = publish.publish(made, tmp_path)
    bias = load_file(tmp_path / "denoiser" / "weights.safetensors")["leave.1.bias"]
    assert card["weights"] == better and card["metrics"]["held_out_loss"] == 0.1
    assert bias.item() == (2.0 if better == "raw" else made.ema.shadow["leave.1.bias"].half().item())


def test_a_class_conditioned_network_becomes_the_unconditional_one_that_it_is_without_a_class():
    from core.models.mnist_unet import UNet
    from training.mnist_recipes import without_class

    conditional, plain = UNet(8, True, 10).eval(), UNet(8, True).eval()
    with torch.no_grad():
        conditional.c1[2].bias.add_(3.0)  # scales that matter
        conditional.c2[2].bias.sub_(2.0)
    plain.load_state_dict(without_class(conditional.state_dict(), conditional))
    x, t = torch.randn(4, 1, 28, 28), torch.rand(4)
    assert torch.allclose(plain(x, t), conditional(x, t, torch.zeros(4, 10)), atol=1e-6)


# ---- the course's recipes, for its figures ----


def test_a_denoisers_strip_shows_the_digits_their_noisy_selves_and_its_answers(tmp_path):
    made = run("denoiser", tmp_path / "work")
    made.train()
    publish.publish(made, tmp_path)
    with Image.open(tmp_path / "denoiser" / "epoch-02.png") as strip:
        found = np.asarray(strip).reshape(86, 289)
    pictures, labels = publish.mnist(False)
    digit, noisy, answer = (found[29 * k : 29 * k + 28, :28].astype(int) for k in range(3))
    assert (digit == pictures[labels == 0][0, 0].numpy()).all(), "the first test digit of class 0"
    assert np.abs(noisy - digit).mean() > 0 and not (answer == noisy).all()


def test_a_run_of_the_courses_recipe_publishes_its_figures_and_keeps_its_weights(tmp_path):
    recipe = dataclasses.replace(RECIPES["flow-class"], **TINY)
    made = Run(recipe, tmp_path / "work" / "flow-class-course", seed=3, device="cpu", bf16=False)
    made.train()
    card = publish.publish(made, tmp_path)
    folder = tmp_path / "flow-class-course"
    names = {file.name for file in folder.iterdir()}
    assert names == {"card.json"} | {f"epoch-0{k}{end}" for k in (1, 2) for end in (".png", ".gif", "-guided.png")}
    assert (made.folder / "weights.safetensors").exists() and course.card_of(folder.name, tmp_path) == card
    assert card["sha256"] == {} and card["epochs_shown"] == [1, 2] and course.has_course("flow-class", tmp_path)
    strips = []
    for end in ("", "-guided"):
        with Image.open(folder / f"epoch-02{end}.png") as strip:
            assert strip.size == (289, 4 * 29 - 1), "four of each digit"
            strips.append(strip.tobytes())
    assert strips[0] != strips[1]
    row = next(line for line in (tmp_path / "README.md").read_text().splitlines() if f"`{folder.name}`" in line)
    assert "figures without weights" in row and "training.train_mnist flow-class" in row and "--course" in row


def test_a_missing_card_of_a_course_is_one_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"flow-time-course is missing or damaged.*train_mnist flow-time --course$"):
        course.card_of("flow-time-course", tmp_path)


@pytest.mark.parametrize("words", [["vae"], ["flow-time", "--epochs", "3"], ["flow-time", "--init", "flow-class"]])
def test_the_courses_recipe_takes_no_change(words, capsys):
    with pytest.raises(SystemExit):
        train_mnist.main([*words, "--course"])
    assert "--course trains a recipe that the course publishes, without any change." in capsys.readouterr().err


# ---- the command line ----


def test_the_device_is_picked_as_everywhere(monkeypatch):
    monkeypatch.setattr("training.state.pick_device", lambda name: f"what {name} picks")
    assert train_mnist.parse(["denoiser"]).device == "what auto picks"
    assert train_mnist.parse(["denoiser", "--device", "mps"]).device == "what mps picks"


@pytest.mark.parametrize(
    "device, sentence",
    [("foo", "invalid choice: 'foo'"), ("cuda", "This machine has no usable CUDA device; choose auto or cpu.")],
)
def test_a_device_that_is_not_here_is_refused(device, sentence, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        train_mnist.main(["denoiser", "--device", device])
    assert sentence in capsys.readouterr().err


def test_missing_digits_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_run, "mnist", mnist)
    with pytest.raises(SystemExit, match=r"^MNIST was not found under .*--data or the variable DIFFUSION_DATA\.$"):
        train_mnist.main(["denoiser", "--device", "cpu", "--data", str(tmp_path), "--work", str(tmp_path)])


def test_a_missing_checkpoint_to_start_from_is_one_sentence(tmp_path, monkeypatch):
    def missing(name, device):
        raise ModelError(f"The model {name} is not here.")

    monkeypatch.setattr(mnist_run, "load", missing)
    with pytest.raises(SystemExit, match=r"^The model ddpm-class is not here\.$"):
        train_mnist.main(["ddpm-time", "--init", "ddpm-class", "--device", "cpu", "--work", str(tmp_path)])
