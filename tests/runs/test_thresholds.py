"""Thresholds side by side: a row each, a column per guidance scale, and the histogram below."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import tiny_pocket

from core.checks import Refused
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.pictures.histogram import histogram
from core.runs import thresholds
from core.runs.thresholds import ROWS, Thresholds, ThresholdsRequest, scales_of

R = ThresholdsRequest("a rose", scales="1, 20", steps=3, seed=5)


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(thresholds, "load", lambda name, device="auto": pocket)
    return pocket


def last(r: ThresholdsRequest) -> torch.Tensor:
    """The result (rows, columns, 3, h, 64)."""
    *_, step = Thresholds(request=r).run("cpu")
    return step.x_t.unflatten(0, (len(ROWS), -1))


def alone_with(pocket, w: float, threshold: str):
    """The Steps of one picture alone."""
    guided = bounded(guide(pocket, w), threshold, 0.95, R.top)
    visits = visits_together(pocket.schedule.timesteps(3), 1)
    return ddim(guided, randn((1, *pocket.shape), generator(5)), visits, guided.encode(["a rose"]))


@pytest.mark.slow
def test_every_row_is_what_its_threshold_draws_alone(pocket):
    rows = last(R)
    for row, threshold in zip(rows, ROWS, strict=True):
        for picture, w in zip(row, (1.0, 20.0), strict=True):
            *_, alone = alone_with(pocket, w, threshold)
            torch.testing.assert_close(picture[:, :64], alone.x_t[0], atol=5e-3, rtol=1e-3)  # w = 20 enlarges rounding


def test_below_a_picture_stands_the_histogram_of_its_estimate_before_the_threshold(pocket):
    step = next(Thresholds(request=R).run("cpu"))
    x = step.x_t[:1, :, :64]
    guided = guide(pocket, 20.0)
    sizes = guided.predict(x, step.t[:1], guided.encode(["a rose"])).x_0.abs().flatten().numpy()
    q = np.quantile(sizes, 0.95)
    for k, cut in ((1, None), (3, 1.0), (5, min(max(q, 1), 10))):
        below = ((step.x_0[k, :, 64:90] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(below, histogram(sizes, q, cut))


@pytest.mark.slow
def test_a_largest_threshold_of_one_is_plain_clipping():
    rows = last(replace(R, top=1.0))
    torch.testing.assert_close(rows[1, :, :, :64], rows[2, :, :, :64])
    assert not torch.allclose(rows[0, 1, :, :64], rows[1, 1, :, :64])


def test_the_announced_images_are_those_that_are_made(pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    plan = Thresholds(request=R)
    list(plan.run("cpu"))
    calls, images = plan.cost()
    assert calls == 3 and sum(made) == calls * images


def test_under_a_picture_stands_how_much_of_it_is_at_an_end():
    pixels = np.full((6, 102, 64, 3), 7, np.uint8)
    pixels[1, :16] = 255
    pixels[2, 64:] = 0  # the histogram does not count
    assert list(Thresholds(request=R).under(pixels))[:3] == ["0 %", "25 %", "0 %"]


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "Give 1 to 6"), ("1,2,3,4,5,6,7", "Give 1 to 6"), ("21", "from 0 to 20"), ("1, much", "guidance scale"), (None, "Give 1 to 6")],
)  # fmt: skip
def test_bad_scales_are_refused_in_one_sentence(text, what):
    with pytest.raises(Refused, match=what):
        ThresholdsRequest.checked(scales=text, model="pocket")


def test_scales_are_sorted_and_said_once():
    assert scales_of("7; 1, 7,") == (1.0, 7.0)
