"""Pixels are a hook: points in the plane and latents of four channels go through sampler, recording, viewer and scrubber."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from core.diffusion.closed_form import Gaussian, Mixture
from core.diffusion.guidance import guide
from core.diffusion.noise import generators, randn
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.runs.plan import Plan, in_pixels
from core.runs.recording import Recording
from core.runs.request import Request
from tabs.ui.inside import inside
from tabs.ui.viewer import RUNS, face, live

SIDE, STEPS = 32, 6


class Points(Mixture):
    """Points in the plane, each shown as one bright pixel of a picture of [-4, 4] x [-4, 4]."""

    def to_pixels(self, x: Tensor) -> Tensor:
        place = ((x + 4) / 8 * SIDE).long().clamp(0, SIDE - 1)  # (B, 2)
        page = torch.zeros(len(x), 1, SIDE, SIDE)
        page[torch.arange(len(x)), 0, place[:, 1], place[:, 0]] = 1
        return page


class Latents(Gaussian):
    """Latents (4, 4, 4), shown as three of their channels, eight times as large."""

    def to_pixels(self, x: Tensor) -> Tensor:
        return x[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)


def points() -> Points:
    means = torch.tensor([[-1.9, -1.9], [2.1, 1.1]])
    return Points(Schedule.cosine(), torch.ones(2), means, torch.full((2,), 1e-4), torch.tensor([0, 1]))


def latents() -> Latents:
    return Latents(Schedule.cosine(), 0.25 * torch.eye(64), (4, 4, 4))


@dataclass(frozen=True)
class Toy(Request):
    KIND = "toy"


@dataclass(frozen=True, kw_only=True)
class ToyPlan(Plan):
    draws: object
    RANGE = (0.0, 1.0)
    RANGES: ClassVar = {"conditional": (0.0, 2.0)}
    GAP = 1

    @property
    def count(self) -> int:
        return 4

    def run(self, device: str = "auto"):
        guided = guide(self.draws, 2.0)
        prompts = [1, 0, 1, 0] if isinstance(self.draws, Points) else [torch.full((4, 4, 4), 0.5)] * 4
        source = generators(5, 4)
        x = randn((4, *guided.shape), source)
        visits = visits_together(guided.schedule.timesteps(STEPS), 4)
        return in_pixels(guided, TEXT_SAMPLERS["ddim"].run(guided, x, visits, guided.encode(prompts), source))


@pytest.mark.parametrize(("make", "shape"), [(points, (SIDE, SIDE, 1)), (latents, (SIDE, SIDE, 3))])
def test_a_batch_of_anything_is_sampled_recorded_shown_and_scrubbed(make, shape):
    plan = ToyPlan(request=Toy(), draws=make())
    recording = Recording(plan)
    *_, value = live(recording, recording.follow(plan.run()), face(plan))
    assert RUNS.get(value) is recording and recording.done
    assert recording.result.shape == (4, *shape) and recording.result.dtype == np.uint8
    assert len(value["frames"]) == STEPS + 1 and all(len(f["images"]) == 2 for f in value["frames"])
    look = inside(recording, 2)
    assert [len(f["images"]) for f in look["frames"]] == [5] * (STEPS + 1)  # x_t, x_0, two noises, their difference


def test_points_end_where_their_class_is_and_every_part_has_its_own_range():
    recording = Recording(ToyPlan(request=Toy(), draws=points()))
    for _ in recording.follow(recording.plan.run()):
        pass
    bright = [np.argwhere(p[..., 0] == 255).tolist() for p in recording.result]  # one pixel each: row y, column x
    assert bright == [[[20, 24]], [[8, 8]], [[20, 24]], [[8, 8]]]
    parts = recording.frames[0].parts
    assert set(np.unique(parts["unconditional"])) == {128, 170}  # 0 and 1 of a range from -3 to 3
    assert set(np.unique(parts["conditional"])) == {0, 128}  # of the plan's range, 0 to 2
