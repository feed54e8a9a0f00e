"""The chart of the hybrids' tab on a machine without pocket."""

import gradio as gr
import pytest

from core.checks import ModelError
from core.runs.inpainting import InpaintRequest
from tabs.hybrids import inputs as _hybrid_inputs


@pytest.fixture
def no_pocket(monkeypatch):
    """No text model is here."""
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (False, "It is not here."))
    with pytest.raises(ModelError, match="It is not here"):
        InpaintRequest.checked()


def test_a_chart_rests_without_pocket(no_pocket):
    assert _hybrid_inputs.plotted("three", 6.0, 2.0, 33) == gr.skip()
