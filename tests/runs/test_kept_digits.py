"""Networks that learned in the page and are kept: they draw, they are files, they are measured, and nobody else sees them."""

import io
import json
import zipfile

import pytest
import torch
from learners import bars, updated
from safetensors.torch import load

from core.checks import ModelError, Refused
from core.models import kept as kept_networks
from core.models.kept import GONE, KEPT, Kept
from core.models.mnist import build_digits
from core.models.registry import MODELS, availability, loaded, of_task, spec
from core.models.registry import load as loaded_model
from core.runs import kept_digits
from core.runs.digit_training import TRAININGS, DigitRecipe, DigitTraining
from core.runs.kept_digits import download_of, keep, measured, offered
from core.runs.mnist import DigitRequest
from core.runs.single_step import SingleStepRequest, denoised_at, trained_for


def learned(n: int = 2, **change) -> DigitTraining:
    this = updated(DigitTraining(bars(), DigitRecipe(width=8, batch=8, updates=100, **change)), n)
    TRAININGS.add(this)
    return this


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"by_class": False}, {"objective": "ddpm"}, {"objective": "ddpm", "T": 100}])
def test_a_kept_network_draws_in_generate_as_it_was_when_it_was_kept(change):
    this = learned(**change)
    name = keep(this.id)
    r = DigitRequest.checked(**DigitRequest.of(name).parameters() | {"steps": 2, "digits": "3", "each": 1})
    *_, last = r.run("cpu")
    model, x = this.denoiser(), torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([5, 90])
    served = loaded_model(name, "cpu").predict(x, t, model.encode([1, 2]))
    assert torch.equal(served.eps, model.predict(x, t, model.encode([1, 2])).eps)
    updated(this, 2)
    assert torch.equal(served.eps, loaded_model(name, "cpu").predict(x, t, model.encode([1, 2])).eps)
    assert last.x_t.shape == (1, 1, 28, 28) and spec(name).conditional == this.recipe.by_class
    assert "Trained here: " in r.about and "2 updates" in r.about


def test_a_kept_denoiser_denoises():
    name = keep(learned(objective="denoiser").id)
    assert SingleStepRequest.checked(model=name).model == name and trained_for(name) == "2 updates"
    digit = bars().held[3].permute(1, 2, 0).numpy()
    ours, shipped = (denoised_at(digit, (0.5,), 0, "cpu", model) for model in (name, "denoiser"))
    assert ours.before == shipped.before and ours.after != shipped.after
    with pytest.raises(ModelError, match="is no single-step denoiser"):
        SingleStepRequest.checked(model=keep(learned().id))
    with pytest.raises(ModelError, match="does not generate digits"):
        DigitRequest.checked(model=name)
    with pytest.raises(Refused, match="draws none to be measured"):
        next(measured(name, "cpu"))


def test_its_file_has_the_weights_and_a_card_that_build_it_again():
    this = learned(objective="ddpm", T=100)
    file, content = download_of(keep(this.id))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        weights, card = load(archive.read("weights.safetensors")), json.loads(archive.read("card.json"))
    assert file == "digits-ddpm-d8-2-updates.zip" and card["data"] == "bars" and card["pictures"] == 16
    model = build_digits(
        card["architecture"], {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    )
    x, t = torch.zeros(1, 1, 28, 28), torch.tensor([50])
    ours = this.denoiser()
    assert model.schedule.T == 100
    assert torch.allclose(
        model.predict(x, t, model.encode([1])).eps, ours.predict(x, t, ours.encode([1])).eps, atol=2e-2
    )


def test_it_is_nobody_else_s():
    name = keep(learned().id)
    assert name not in MODELS and name not in [m.name for m in of_task("digits")] and name not in loaded()
    assert len(name) > 30 and name not in " ".join(DigitRequest.kinds()["model"].options())
    assert offered([name, "gone", "flow-class"], "digits") == {name: spec(name).title}
    assert offered([name], "single-step") == {}


def test_the_oldest_are_dropped_and_that_is_told_in_one_sentence(monkeypatch):
    kept = Kept(most=3_000_000)
    monkeypatch.setattr(kept_digits, "KEPT", kept)
    monkeypatch.setattr(kept_networks, "KEPT", kept)
    this = learned(0)
    this.step = 1
    names = [keep(this.id) for _ in range(30)]
    there = [kept.get(name) is not None for name in names]
    assert not there[0] and all(there[-5:])
    with pytest.raises(ModelError, match=GONE):
        kept.spec(names[0])
    with pytest.raises(ModelError, match=GONE):
        DigitRequest.checked(model="trained-0123")
    assert kept.spec("flow-class") is None and availability("flow-class")[0]


@pytest.mark.parametrize("training", ["", None, "x", 3])
def test_nothing_is_kept_of_nothing(training):
    with pytest.raises(Refused, match="Nothing is trained yet: press Start first"):
        keep(training)


def test_a_training_without_an_update_is_nothing_yet():
    with pytest.raises(Refused, match="Nothing is trained yet"):
        keep(learned(0).id)


@pytest.mark.slow
def test_it_is_measured_like_those_that_ship(monkeypatch):
    monkeypatch.setattr(kept_digits, "MEASURED", 40)
    name = keep(learned().id)
    (*way, (n, row)) = measured(name, "cpu")
    assert [done for done, _ in way] == [0, 20] and n == 40
    assert row["model"] == name and row["digits"] == 40 and 0 <= row["accuracy"] <= 1 and row["frechet"] > 50
    *_, (_, unconditional) = measured(keep(learned(by_class=False).id), "cpu")
    assert unconditional["accuracy"] is None


def test_kept_weights_are_copies():
    this = learned()
    name = keep(this.id)
    before = {k: v.clone() for k, v in KEPT.get(name).weights.items()}
    updated(this, 1)
    assert all(torch.equal(before[k], v) for k, v in KEPT.get(name).weights.items())
