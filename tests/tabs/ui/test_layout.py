"""The two columns of a tab: what its author forgot is said while the page is built."""

import contextlib

import gradio as gr
import pytest

from core.checks import ModelError, Refused
from core.runs.interpolation import PLANS, InterpolationRequest
from core.runs.picture_request import PictureRequest
from core.runs.sampling import PLANS as SAMPLING
from tabs.ui.controls import Shared
from tabs.ui.job import Job
from tabs.ui.layout import QUICK, Layout
from tabs.ui.presets import Preset


def without_steps(more: bool) -> Layout:
    """A tab, not wired yet, in which two fields have no place; with a panel of further settings or without."""
    tab = Layout(
        Job("toy", InterpolationRequest, PLANS), InterpolationRequest(), Shared(gr.Dropdown(), gr.HTML(), gr.Tabs()), {}
    )
    with tab.left:
        tab.form.place("prompt", "columns", "way", "guidance", "seed", "other", "model")
        tab.run_row("Run")
        with tab.more("restore_toy") if more else contextlib.nullcontext():
            tab.form.place("sampler")
    with tab.right:
        tab.viewer()
        tab.inside("Inside")
    return tab


def test_a_field_without_a_place_stands_under_more_settings():
    with gr.Blocks():
        tab = without_steps(more=True)
        tab.wire({"between": "toy"})
        assert not tab.form.unplaced and tab.further in above(tab.form["steps"])


def above(block: gr.blocks.Block) -> list[gr.blocks.Block]:
    """What a block stands in, from the inside to the page."""
    return [block.parent, *above(block.parent)] if block.parent else []


def test_a_field_without_a_place_is_named_where_there_is_no_such_panel():
    with gr.Blocks():
        tab = without_steps(more=False)
        with pytest.raises(ValueError, match=r"no place on the page: steps, last\.$"):
            tab.wire({"between": "toy"})


def layout_of(seconds: float | Exception, monkeypatch) -> Layout:
    """A tab whose runs take that long, or are refused."""
    monkeypatch.setattr("core.runs.cost.seconds", lambda *_: raised(seconds))
    with gr.Blocks():
        return Layout(Job("toy", PictureRequest, SAMPLING), PictureRequest(), Shared(None, None, None), {})


def raised(value):
    """A value, or an exception as what it is."""
    if isinstance(value, Exception):
        raise value
    return value


@pytest.mark.parametrize(("seconds", "takes"), [(0.1, ""), (QUICK - 0.1, ""), (QUICK, f"about {QUICK} s")])
def test_a_preset_is_run_where_its_run_is_quick_and_else_asks_for_it(monkeypatch, seconds, takes):
    tab = layout_of(seconds, monkeypatch)
    sweep = Preset(PictureRequest(), experiment="step-sweep")
    assert tab.quick(Preset(PictureRequest()), "cpu", "pocket") == {"button": "toy-run-samples", "takes": takes}
    assert tab.quick(sweep, "cpu") == {"button": "toy-run-step-sweep", "takes": takes}


@pytest.mark.parametrize("why", [Refused("no"), ModelError("missing")])
def test_a_preset_whose_run_is_refused_presses_nothing(monkeypatch, why):
    assert layout_of(why, monkeypatch).quick(Preset(PictureRequest()), "cpu", "pocket") == {"button": "", "takes": ""}


def test_a_preset_is_priced_on_the_model_that_it_runs_on(monkeypatch):
    asked = []
    monkeypatch.setattr("core.runs.cost.seconds", lambda name, *_: asked.append(name) or 1.0)
    tab = Layout.__new__(Layout)
    tab.job = Job("toy", PictureRequest, SAMPLING)
    for preset in (Preset(PictureRequest()), Preset(PictureRequest(), moves=True)):
        tab.quick(preset, "cpu", "if-m")
    assert asked == ["if-m", "pocket"]
