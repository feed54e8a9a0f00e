"""What is measured of the three families: on digits whose answer is known, and on a published run."""

import dataclasses
import json

import pytest
import torch

from core.models.mnist_families import LATENT
from core.models.registry import CHECKPOINTS, availability
from core.models.scores import Statistics
from training import families, mnist_run, publish
from training.mnist_recipes import RECIPES
from training.mnist_run import Run

pytestmark = pytest.mark.skipif(not availability("classifier")[0], reason="the classifier is not in checkpoints/")
EACH = 12


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    """A stand-in for MNIST: a bar at a place that tells the class, of a random length and brightness."""

    def bars(train, folder=None):
        g = torch.Generator().manual_seed(int(train))
        labels = torch.arange(10).repeat(30)
        x = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
        for row, k in zip(x, labels.tolist(), strict=True):
            length, ink = torch.randint(6, 22, (), generator=g), torch.randint(120, 256, (), generator=g)
            row[:, 4 : 4 + length, 2 * k + 3 : 2 * k + 6] = ink.to(torch.uint8)
        return x, labels

    for module in (families, mnist_run, publish):
        monkeypatch.setattr(module, "mnist", bars)
    monkeypatch.setattr(families, "EACH", EACH)
    monkeypatch.setattr(families, "LABELS", torch.arange(10).repeat(EACH))
    monkeypatch.setattr(families, "reference", lambda: Statistics(torch.zeros(128).double(), torch.eye(128).double()))
    return bars


def test_copies_of_training_digits_are_found_and_real_ones_have_their_variety(few_digits):
    held, (images, labels) = families.Judge(), few_digits(True)
    assert labels[: 10 * EACH].tolist() == families.LABELS.tolist()
    copied = held.look(images[: 10 * EACH].float() / 255)
    assert copied["copies"] > 0.9 and copied["coverage"] > 0.7 and len(copied["coverage_by_class"]) == 10
    one = held.look(images[:10].repeat(EACH, 1, 1, 1).float() / 255)
    assert one["coverage"] < 0.6 * copied["coverage"], "one digit of each class is no variety"
    noise = held.look(torch.rand(10 * EACH, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    assert noise["copies"] == 0 == noise["coverage"] and noise["frechet"] > copied["frechet"]


def test_the_digits_that_are_the_scale_are_others_than_those_to_be_covered():
    held = families.Judge()
    assert held.others.shape == (10 * EACH, 1, 28, 28) and held.real.shape[0] == 10 * EACH
    _, theirs = families.judge(held.classifier, held.others)
    assert torch.cdist(held.real, theirs).min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan", "vae", "flow-small"])
def test_a_published_family_has_its_measures_on_its_card_and_ships_what_draws(name, tmp_path):
    from core.models import registry
    from core.runs.families import drawn

    recipe = dataclasses.replace(RECIPES[name], hidden=4, batch=50, epochs=1)
    made = Run(recipe, tmp_path / "work" / name, seed=3, device="cpu", bf16=False)
    made.train()
    card = publish.publish(made, tmp_path)
    metrics = card["metrics"]
    assert {"accuracy", "frechet", "coverage", "copies", "milliseconds_a_digit", "real_digits"} <= metrics.keys()
    assert metrics["digits"] == 10 * EACH and metrics["milliseconds_a_digit"] > 0 and card["cpu_seconds"] >= 0
    assert ("held_out_loss" in metrics) == (name != "gan") and card["weights"] in ("ema", "raw")
    assert json.loads((tmp_path / name / "card.json").read_text()) == card
    assert (tmp_path / name / "epoch-01.png").exists() and f"`{name}`" in (tmp_path / "README.md").read_text()
    model = registry.load(name, "cpu", tmp_path)
    x = drawn(model, [1, 2, 3], 5)
    assert x.shape == (3, 1, 28, 28) and torch.equal(x, drawn(model, [1, 2, 3], 5)) and x.min() >= 0 and x.max() <= 1
    assert not torch.equal(x[:1], drawn(model, [1], 6))
    if name != "flow-small":
        kept = made.ema.shadow if card["weights"] == "ema" else made.net.state_dict()
        made.net.load_state_dict(kept)
        z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(5))
        whole = made.net.eval().decoder(z, torch.eye(10)[1:2]).sigmoid()
        assert torch.allclose(whole, x[:1], atol=5e-3)


@pytest.mark.parametrize("name", ["gan", "vae", "flow-small"])
def test_the_cards_that_ship_have_every_measure_and_one_scale(name):
    if not availability(name)[0]:
        pytest.skip(f"{name} is not in checkpoints/")
    cards = [json.loads((CHECKPOINTS / n / "card.json").read_text()) for n in (name, "flow-small")]
    mine, other = (card["metrics"] for card in cards)
    assert mine["digits"] == 2000 and mine["real_digits"] == other["real_digits"]
    assert cards[0]["architecture"]["parameters"] == pytest.approx(cards[1]["architecture"]["parameters"], rel=0.12)
    assert cards[0]["cpu_seconds"] == pytest.approx(cards[1]["cpu_seconds"], rel=0.12)
    size = sum(f.stat().st_size for f in (CHECKPOINTS / name).iterdir())
    assert size < 3_000_000
