"""The presets of SDEdit and inpainting: what they fill in, and what they leave as it is."""

import gradio as gr
import pytest

from core.models.registry import availability
from tabs.inpainting import page as inpainting
from tabs.sdedit import page as sdedit
from tabs.ui import presets as _presets
from tabs.ui.controls import Shared
from tabs.ui.layout import Layout
from tabs.ui.page import alone

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
TABS = [sdedit, inpainting]


def filled(tab, preset: _presets.Preset) -> dict:
    """What a preset's button puts into the tab's inputs, by the API's parameter."""
    alone(tab.TITLE, tab.build)  # the canvas is a source from then on
    with gr.Blocks():
        layout = Layout(tab.JOB, tab.JOB.request(), Shared(None, None, None), {})
    values = dict(zip((*tab.JOB.sources, *tab.JOB.request.names()), layout.filled(preset), strict=True))
    assert all(values.pop(name) == gr.skip() for name in tuple(values) if name.startswith("canvas_"))
    return values


@pytest.mark.slow
@pytest.mark.parametrize("tab", TABS)
def test_a_preset_fills_the_canvas_and_every_field_but_the_model(tab):
    for preset in tab.PRESETS.values():
        values = filled(tab, preset)
        assert values.pop("canvas") not in (None, gr.skip()) and values.pop("model") == gr.skip()
        assert values == {name: v for name, v in preset.request.parameters().items() if name != "model"}


@pytest.mark.slow
@pytest.mark.parametrize("tab", TABS)
def test_the_course_s_presets_are_offered_with_deepfloyd_and_choose_it(tab, monkeypatch):
    assert _presets.with_course(tab.PRESETS, tab.COURSE) == tab.PRESETS
    monkeypatch.setattr(_presets, "default_model", lambda: "if-m")
    offered = _presets.with_course(tab.PRESETS, tab.COURSE)
    assert list(offered) == [*tab.PRESETS, *tab.COURSE]
    for name in tab.COURSE:
        values = filled(tab, offered[name])
        assert (values["model"], values["guidance"]) == ("if-m", 7.0)
