"""The single-step denoiser at several noise levels, and what the one of pure noise answers."""

import numpy as np
import pytest

from core.diffusion.noise import generator, randn
from core.models.registry import availability
from core.runs.single_step import SIGMAS, SingleStep, SingleStepRequest, denoised_at, mean_digit

HERE = availability("denoiser")[0]
WITHOUT = "the denoiser is not in checkpoints/"


def bar() -> np.ndarray:
    """A white bar on black, (28, 28, 1) uint8."""
    clean = np.zeros((28, 28, 1), np.uint8)
    clean[4:24, 13:16] = 255
    return clean


def test_noise_levels_are_read_from_text_and_written_back():
    assert SingleStepRequest.checked(sigmas=" 0; 0.25,1, ").sigmas == (0, 0.25, 1)
    assert SingleStepRequest().parameters() == {
        "sigmas": "0, 0.2, 0.4, 0.5, 0.6, 0.8, 1",
        "seed": 180,
        "model": "denoiser",
    }
    r = SingleStepRequest((0.25, 2), 7)
    assert SingleStepRequest.of_parameters(**r.parameters()) == r == SingleStepRequest.restored(r.settings())


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"sigmas": ""}, "Give 1 to 10 noise levels, separated by commas"),
        ({"sigmas": None}, "Give 1 to 10 noise levels"),
        ({"sigmas": "1," * 11}, "Give 1 to 10 noise levels"),
        ({"sigmas": "abc"}, "Every noise level must be a number from 0 to 2"),
        ({"sigmas": "2.1"}, "Every noise level must be a number from 0 to 2"),
        ({"sigmas": "nan"}, "Every noise level must be a number from 0 to 2"),
        ({"seed": -1}, "The seed must be a whole number from 0"),
    ],
)
def test_bad_levels_get_one_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        SingleStepRequest.checked(**bad)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not HERE, reason=WITHOUT)
def test_a_plan_answers_in_one_call_on_all_levels():
    plan = SingleStep(request=SingleStepRequest((0.0, 0.5, 1.0), 1), inputs={"digit": bar()})
    assert plan.cost() == (1, 3)
    found = plan.answer("cpu")
    assert found.noisy.shape == found.denoised.shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(found.noisy[0], bar())
    assert found.before[0] == 0 and found.after[1] < found.before[1] / 4
    assert "that of seed 1, times σ" in plan.caption


@pytest.mark.skipif(not HERE, reason=WITHOUT)
def test_all_levels_have_the_same_noise():
    before = denoised_at(bar(), SIGMAS, 3, "cpu").before
    assert before == pytest.approx([s**2 * before[-1] for s in SIGMAS], rel=1e-5)


@pytest.mark.skipif(not HERE, reason=WITHOUT)
def test_the_error_that_is_told_is_taken_before_clamping():
    (error,) = denoised_at(np.zeros((28, 28, 1), np.uint8), (2.0,), 7, "cpu").before
    noise = 2 * randn((1, 1, 28, 28), generator(7))
    assert error == pytest.approx(noise.square().mean().item(), rel=1e-5)


@pytest.mark.skipif(not availability("denoiser-noise")[0], reason="the denoiser of pure noise is not in checkpoints/")
def test_all_noises_get_nearly_the_same_answer():
    answers = mean_digit(4, 0, "cpu").astype(float)
    assert np.abs(answers[0] - answers[1]).mean() < 25
