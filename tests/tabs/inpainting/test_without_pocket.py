"""Fillings and their chart on a machine without pocket, and where a filling starts."""

import gradio as gr
import pytest

from core.checks import ModelError
from core.runs.inpainting_request import MAX_STEPS, InpaintRequest
from tabs.inpainting import page as inpainting


@pytest.fixture
def no_pocket(monkeypatch):
    """No text model is here."""
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (False, "It is not here."))
    with pytest.raises(ModelError, match="It is not here"):
        InpaintRequest.checked()


def test_the_zig_zag_rests_without_pocket(no_pocket):
    assert inpainting.path(30, 2, 10, 1000) == gr.skip()


@pytest.mark.parametrize("model", ["pocket", "if-m"])
def test_a_filling_starts_from_pure_noise_whatever_the_model_s_own_timesteps(model):
    for steps in range(1, MAX_STEPS + 1):
        start, *_, last = visits = InpaintRequest(steps=steps, model=model).visits(1)
        assert (start, last) == (999, -1) and visits == sorted(set(visits), reverse=True) and len(visits) == steps + 1
