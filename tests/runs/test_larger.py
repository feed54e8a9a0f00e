"""Enlarging a picture of any tab: what it is made from, what stands beside it, and what is known of it already."""

import numpy as np
import pytest
from PIL import Image

from core.checks import Refused
from core.models.registry import availability
from core.pictures.enlargements import bicubic
from core.pictures.images import enlarge
from core.pictures.scenes import SCENES
from core.runs.enlarging import larger
from core.runs.hybrids import HybridRequest, Hybrids
from core.runs.inpainting import ACROSS, FILLINGS, InpaintRequest
from core.runs.interpolation import PLANS, InterpolationRequest
from core.runs.plan import FINE
from core.runs.recording import Recording
from core.runs.sdedit import LADDERS, SDEditRequest
from tabs.ui.canvas import inputs_of, on_canvas

pytestmark = pytest.mark.skipif(not availability("pocket-up")[0], reason="pocket-up is not in checkpoints/")
SCENE = inputs_of(SCENES["Apple"]())
MASK = {"mask": np.pad(np.full((32, 64, 1), 255, np.uint8), ((0, 32), (0, 0), (0, 0)))}


def of(plan, inputs: dict, k: int, pixels: np.ndarray, **how):
    """The plan that enlarges picture k of a plan with these inputs, by pocket-up."""
    return larger(plan.__class__(**vars(plan) | {"inputs": inputs}), k, pixels, "pocket-up", **how)


def enlarged(plan) -> tuple[np.ndarray, Recording]:
    """The result of a plan, and its recording."""
    recording = Recording(plan)
    for _ in recording.follow(plan.run("cpu")):
        pass
    return recording.result[0], recording


def test_a_large_picture_is_kept_as_it_was_given_and_a_small_one_has_nothing_finer():
    assert SCENE["original"].shape == (64, 64, 3) and SCENE["original" + FINE].shape == (256, 256, 3)
    small = Image.fromarray(SCENE["original"])
    assert [*inputs_of(small)] == [*inputs_of(on_canvas(small))] == ["original"]


def test_the_known_pixels_of_a_filling_are_those_of_the_photo():
    plan = FILLINGS["fill"](InpaintRequest())
    k = len(ACROSS) - 1
    big, recording = enlarged(of(plan, SCENE | MASK, k, SCENE["original"]))
    below = np.s_[132:]  # the hole is above; its edge is soft over two pixels
    np.testing.assert_array_equal(big[below], SCENE["original" + FINE][below])
    assert np.abs(big[:124].astype(int) - SCENE["original" + FINE][:124]).max() > 20, "the hole is the network's"
    assert "as it was given" in recording.plan.caption and not any(name.endswith(FINE) for name in recording.settings)
    assert of(plan, {"original": SCENE["original"]} | MASK, k, SCENE["original"]).known is None


@pytest.mark.parametrize("plan, k, true", [
    (LADDERS["ladder"](SDEditRequest()), 6, True), (LADDERS["ladder"](SDEditRequest()), 0, False),
    (FILLINGS["fill"](InpaintRequest()), 0, True), (FILLINGS["fill"](InpaintRequest()), 4, False),
])  # fmt: skip
def test_bicubic_stands_beside_it_and_the_picture_as_it_was_given_where_there_is_one(plan, k, true):
    made = of(plan, SCENE | MASK, k, SCENE["original"])
    big, recording = enlarged(made)
    lanes = [lane[0] for lane in made.lanes(recording.frames[-1])]
    assert len(lanes) == len(made.lane_titles) == 2 + true
    np.testing.assert_array_equal(lanes[1], bicubic(SCENE["original"]))
    assert made.judged(big[None], "cpu").startswith("PSNR") == true


@pytest.mark.parametrize("plan, k, asked", [
    (LADDERS["ladder"](SDEditRequest(n=2, seed=5)), 8, ("an emoji of a red apple", 6)),
    (LADDERS["several-prompts"](SDEditRequest(prompts="a\nb", seed=5)), 8, ("b", 5)),
    (FILLINGS["once-and-often"](InpaintRequest(n=2, seed=5)), 19, ("an emoji of a red apple", 6)),
    (PLANS["both-ways"](InterpolationRequest(columns=4, seed=5, other=9)), 7, ("a photo of a seashore", 9)),
    (Hybrids(request=HybridRequest(n=2, seed=5)), 1, ("an emoji of a sun", 6)),
])  # fmt: skip
def test_it_is_made_from_the_prompt_and_the_seed_of_its_picture(plan, k, asked):
    made = of(plan, {}, k, SCENE["original"])
    assert (made.prompt, made.seed) == asked


@pytest.mark.slow
def test_more_noise_on_the_small_picture_keeps_less_of_it():
    plan, dots = LADDERS["ladder"](SDEditRequest()), SCENE["original"].copy()
    dots[::4, ::4] = 255 - dots[::4, ::4]
    away = []
    for noise in (0.0, 0.5):
        made = of(plan, SCENE, 0, dots, noise=noise)
        assert f"noise {noise:g} on" in made.caption and made.settings()["noise"] == noise
        away.append(np.abs(enlarged(made)[0].astype(int) - enlarge(dots, 4)).mean())
    assert away[1] > 1.3 * away[0]
    with pytest.raises(Refused, match="The noise"):
        of(plan, SCENE, 0, dots, noise=0.6)
