"""Three families: which row is drawn by whom, from which noise and in how many calls; between two seeds; refusals."""

import numpy as np
import pytest
import torch

from core.checks import ModelError, Refused
from core.diffusion.noise import generator, randn
from core.models.mnist_families import LATENT
from core.models.registry import availability, load
from core.runs import families
from core.runs.families import BETWEEN, FAMILIES, Between, Families, FamiliesRequest
from core.runs.mnist import DigitRequest
from core.runs.recording import Recording

pytestmark = pytest.mark.skipif(
    not all(availability(name)[0] for name in FAMILIES), reason="a family is not in checkpoints/"
)


def recorded(plan: Families) -> Recording:
    """A run from its beginning to its end."""
    recording = Recording(plan)
    list(recording.follow(plan.run("cpu")))
    return recording


def test_each_row_is_what_its_model_draws_alone():
    r = FamiliesRequest("38", 4, 7)
    end = recorded(Families(request=r)).result
    z = torch.cat([randn((1, LATENT), generator(s)) for s in (7, 8)])
    for k, name in enumerate(("gan", "vae")):
        alone = load(name, "cpu").draw(z, [3, 8])
        np.testing.assert_allclose(end[2 * k : 2 * k + 2, ..., 0], 255 * alone[:, 0].numpy(), atol=1)
    *_, flow = DigitRequest("38", 1, "flow-small", "euler", 4, 1.5, 7).run("cpu")
    np.testing.assert_allclose(end[4:, ..., 0], 255 * flow.x_t[:, 0].clamp(0, 1).numpy(), atol=1)


def test_the_two_that_take_one_call_are_done_after_it_and_wait_before():
    recording = recorded(Families(request=FamiliesRequest("38", 3, 7)))
    first, second, *_, last = recording.frames
    assert [f.i for f in recording.frames] == [0, 1, 2, 3] and recording.done
    assert np.unique(first.x_0[:4]).size == 1, "grey before their call"
    np.testing.assert_array_equal(second.x_0[:4], last.x_0[:4])
    assert second.each[:4] == (-1,) * 4 and min(second.each[4:]) >= 0 and last.t == -1
    assert [f.i for f in recording.own(0)] == [0, 1] and [f.i for f in recording.own(5)] == [0, 1, 2, 3]


def test_one_step_of_diffusion_is_one_call_for_all():
    recording = recorded(Families(request=FamiliesRequest("5", 1, 0)))
    assert len(recording.frames) == 2 and recording.done and recording.result.shape == (3, 28, 28, 1)


def test_the_announced_calls_are_those_that_are_made():
    plan, made = Families(request=FamiliesRequest("385", 4)), {name: [] for name in FAMILIES}
    hooks = [
        load(name, "cpu").net.register_forward_hook(lambda net, args, out, name=name: made[name].append(len(args[0])))
        for name in FAMILIES
    ]
    try:
        list(plan.run("cpu"))
    finally:
        for hook in hooks:
            hook.remove()
    assert made == {"gan": [3], "vae": [3], "flow-small": [6] * 4} and plan.cost() == (4, 6)
    assert "1 for the VAE, 4 for diffusion" in plan.work


def test_between_two_seeds_the_ends_are_those_of_the_seeds_and_the_middle_is_as_long():
    r = FamiliesRequest(steps=2, seed=7, digit=3, other=11)
    plan = Between(request=r)
    assert plan.labels == [3] * BETWEEN and plan.columns == BETWEEN == len(plan.across) and plan.count == 3 * BETWEEN
    z = plan.starts((1, 28, 28))
    assert torch.equal(z[0], randn((1, 28, 28), generator(7))) and torch.allclose(z[-1], randn((1, 28, 28), generator(11)), atol=1e-5)  # fmt: skip
    lengths = z.flatten(1).norm(dim=1)
    assert lengths.min() > 0.97 * min(lengths[0], lengths[-1])
    found = recorded(plan).result.reshape(3, BETWEEN, 28, 28)
    alone = recorded(Families(request=FamiliesRequest("3", 2, 7))).result.reshape(3, 28, 28)
    assert np.abs(found[:, 0].astype(int) - alone).max() <= 1
    gaps = np.abs(np.diff(found.astype(float), axis=1)).mean((2, 3))
    assert (gaps.max(1) < np.abs(found[:, 0].astype(float) - found[:, -1]).mean((1, 2))).all(), (
        "no leap from end to end"
    )


def test_a_row_per_family_under_the_digits():
    plan = Families(request=FamiliesRequest("07", seed=3), experiment="families")
    assert list(plan.down) == ["GAN", "VAE", "Diffusion"] and list(plan.across) == ["0", "7"] and plan.beside == 1
    assert len(plan.titles) == plan.count == len(set(plan.titles)) and plan.name == "families-seed-3"
    assert "seed 3 to 4" in plan.caption and "8 numbers" in plan.caption and "20 steps" in plan.caption


def test_the_classifier_reads_every_row(monkeypatch):
    said = iter(["38", "33", "11"])
    monkeypatch.setattr(families, "read", lambda pixels, device: next(said))
    reads = Families(request=FamiliesRequest("38")).judged(np.zeros((6, 28, 28, 1), np.uint8), "cpu")
    assert reads == "Of 2 digits each the classifier reads as asked: 2 (GAN), 1 (VAE), 0 (Diffusion)."


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"digits": "ten"}, "Type digits from 0 to 9"),
        ({"digits": "1" * 13}, "At most 12 digits stand in a row; these are 13"),
        ({"steps": 0}, "steps of diffusion must be a whole number from 1 to 100"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"digit": 10}, "digit between two seeds must be a whole number from 0 to 9"),
        ({"other": None}, "seed at the other end must be a whole number"),
    ],
)
def test_bad_values_get_one_sentence(bad, sentence):
    with pytest.raises(Refused, match=sentence):
        FamiliesRequest.checked(**bad)


def test_a_family_that_is_not_here_is_named(monkeypatch):
    monkeypatch.setattr(families, "availability", lambda name: (name != "vae", f"The model {name} is not here."))
    with pytest.raises(ModelError, match="The model vae is not here"):
        FamiliesRequest.checked()


def test_a_model_of_one_call_is_offered_nowhere_else():
    from core.runs.mnist import DigitModel
    from core.runs.network import NetworkRequest
    from core.runs.roads import AnyModel

    for kind in (DigitModel(), AnyModel(), NetworkRequest.kinds()["model"]):
        assert not {"gan", "vae"} & kind.options().keys()
    for name in ("gan", "vae"):
        with pytest.raises(ModelError, match="does not generate digits from noise"):
            DigitRequest.checked(model=name)
