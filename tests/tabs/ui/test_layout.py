"""The two columns of a tab: what its author forgot is said while the page is built."""

import gradio as gr
import pytest

from core.runs.interpolation import PLANS, InterpolationRequest
from tabs.ui.controls import Shared
from tabs.ui.job import Job
from tabs.ui.layout import Layout


def test_a_field_without_a_place_is_named():
    with gr.Blocks():
        shared = Shared(gr.Dropdown(), gr.HTML(), gr.Tabs())
        tab = Layout(Job("toy", InterpolationRequest, PLANS), InterpolationRequest(), shared, {})
        with tab.left:
            tab.form.place("prompt", "columns", "way", "guidance", "seed", "other", "model", "sampler")
            tab.run_row("Run")
        with tab.right:
            tab.viewer()
        with pytest.raises(ValueError, match=r"no place on the page: steps, last\.$"):
            tab.wire({"between": "toy"})
