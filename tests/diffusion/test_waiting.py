"""Between two network calls nothing looks at a value on the device, which the host would have to wait for.

On torch's "meta" device, where tensors have a shape and no values, so that a look fails.
"""

import pytest
import torch

from core.diffusion.denoiser import Prediction
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generators
from core.diffusion.samplers import ddim, dpm_solver, heun, posterior
from core.diffusion.schedule import Schedule, cosine_betas
from core.diffusion.visits import visits_each, visits_from, visits_together
from core.techniques.illusions import anagram, hybrid, inverse_constraint
from core.techniques.inpainting import inpaint, zigzag
from core.techniques.sdedit import sdedit
from core.techniques.splits import lowpass
from core.techniques.views.catalogue import VIEWS

META = torch.device("meta")
TIMESTEPS = [900, 600, 300, 0]


class Nothing:
    """A network on that device."""

    schedule, shape, device = Schedule.published(cosine_betas(1000)), (3, 64, 64), META

    def encode(self, prompts):
        """A number per prompt."""
        return torch.zeros(len(prompts), 1, device=META)

    def predict(self, x_t, t, cond):
        """Something of the right shape."""
        assert {t.device, cond.device, x_t.device} == {META} and len(x_t) == len(t) == len(cond)
        return Prediction(x_t / 2, x_t / 2, x_t.clamp(-1, 1))


MODEL = Nothing()
X = torch.zeros(2, *MODEL.shape, device=META)
VIEW = [VIEWS["identity"], VIEWS["jigsaw"]]
TURNS = {"reduction": "alternate", "timesteps": TIMESTEPS}


def source():
    """A generator per picture."""
    return generators(1, len(X))


def run(sampler, denoiser, *more, prompts=("a", "b")):
    """Steps of a sampler on that denoiser, bounded as the page does it."""
    denoiser = bounded(denoiser, "dynamic")
    return sampler(denoiser, X, visits_together(TIMESTEPS, 2), denoiser.encode(prompts), *more)


def edits():
    """Steps of a ladder of which the second run joins late."""
    guided = bounded(guide(MODEL, 3.0))
    return sdedit(guided, X, visits_from(TIMESTEPS, [0, 2]), guided.encode(["a", "b"]), source(), 1.0)


def holding():
    """Steps of a run that keeps a part of a picture."""
    keep = inverse_constraint(MODEL.schedule, lowpass, X, source())
    return ddim(MODEL, X, visits_together(TIMESTEPS, 2), MODEL.encode(["a", "b"]), source(), 1.0, keep)


@pytest.mark.parametrize(
    "steps",
    [
        lambda: run(ddim, guide(MODEL, 3.0), source(), 1.0),
        lambda: run(heun, guide(MODEL, torch.tensor([1.0, 3.0], device=META))),
        lambda: run(posterior, guide(MODEL, 3.0, "c"), source()),
        lambda: run(dpm_solver, guide(MODEL, 0.0)),
        lambda: run(posterior, anagram(MODEL, VIEW, 3.0), source(), prompts=[("a", "b")] * 2),
        lambda: run(ddim, anagram(MODEL, VIEW, 3.0, **TURNS), prompts=[("a", "b")] * 2),
        lambda: run(ddim, hybrid(MODEL, scale=3.0), prompts=[("a", "b")] * 2),
        lambda: ddim(MODEL, X, visits_each([[900, 0], TIMESTEPS]), MODEL.encode(["a", "b"]), source(), 1.0),
        lambda: inpaint(
            MODEL, X, X[:, :1], visits_together(zigzag(TIMESTEPS, 2, 2), 2), MODEL.encode(["a", "b"]), source()
        ),
        holding,
        edits,
    ],
    ids=["ddim", "heun", "ddpm", "dpm-solver", "anagram", "turns", "hybrid", "lengths", "inpaint", "inverse", "sdedit"],
)
def test_no_step_looks_at_a_value(steps):
    *_, step = steps()
    assert step.i == step.n and step.x_t.device == META and step.t.tolist() == [-1, -1]
