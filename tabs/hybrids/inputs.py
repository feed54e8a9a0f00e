"""Inputs of the hybrids' tab that depend on the split: labels, shown settings, filter chart, the user's photo."""

import json

import gradio as gr
import numpy as np

from core.checks import ModelError, Refused
from core.runs.hybrids import PHOTO, READINGS, SPLITS, HybridRequest
from tabs.ui.canvas import canvas, examples, has_picture, pixels_of
from tabs.ui.inputs import Dropdown
from tabs.ui.job import Source
from tabs.ui.layout import QUIET, Layout
from tabs.ui.plane import chart, charts, curves, plane

ARRIVED = """(photo, split, own) => photo?.picture
  ? [{__type__: 'update', open: true}, own || %s[split]]
  : [{__type__: 'update'}, '']"""
"""A photo opens its panel and gives the first part, unless another was chosen; without one nothing comes from it."""


def fitted(split: str, own: str) -> list:
    """Updates for a split: the labels of three prompts, and the visibility of four sliders, the filter and `own`."""
    names = SPLITS[split][1]
    given = ["your photo, not this prompt" if name == own else READINGS[name] for name in names]
    labels = [f"Prompt {k}: {words} ({name})" for k, (words, name) in enumerate(zip(given, names, strict=True), 1)]
    prompts = [gr.update(label=label, visible=True) for label in labels]
    prompts += [gr.update(visible=False)] * (3 - len(names))
    blurs, moves = split in ("frequencies", "three"), split == "motion"
    shown = [gr.update(visible=s) for s in (blurs, split == "three", moves, moves, blurs)]
    return [*prompts, *shown, gr.update(choices=parts_of(split), value=own if own in names else "")]


def parts_of(split: str) -> list[tuple[str, str]]:
    """The components that a photo can give, as choices of a list."""
    return [("nothing", ""), *((f"its {name} part", name) for name in SPLITS[split][1])]


def own_input(r: HybridRequest) -> gr.Dropdown:
    """The component that is taken from the photo."""
    kind = HybridRequest.kinds()["own"]
    return Dropdown(parts_of(r.split), value=r.own, label=kind.label, info=kind.info, render=False)


# ---- the filter -----------------------------------------------------------------------------------------------------


def gains(r: HybridRequest) -> dict:
    """The filters' responses as a chart."""
    rows = [(f, round(g, 4), name) for name, line in r.responses().items() for f, g in line]
    return charts(chart("What each part lets through", "cycles per pixel", "gain", curves(rows)))


def plotted(split: str, sigma: float, sigma_small: float, kernel: float):
    """The chart of the filters' responses; unchanged while the values are invalid or pocket is not here."""
    try:
        r = HybridRequest.checked(prompts=["a"] * 3, split=split, sigma=sigma, sigma_small=sigma_small, kernel=kernel)
    except (Refused, ModelError):
        return gr.skip()
    return gains(r) if r.responses() else gr.skip()


def filter_panel(tab: Layout, r: HybridRequest) -> gr.Accordion:
    """The panel of the blur, its kernel, and the chart of what each part lets through."""
    with gr.Accordion("The filter", open=False) as panel:
        tab.form.place("kernel")
        plot = plane("hybrids-filter", gains(r))
    values = [tab.form[name] for name in ("split", "sigma", "sigma_small", "kernel")]
    gr.on([w.change for w in values], plotted, values, plot, trigger_mode="always_last", queue=False, **QUIET)
    return panel


# ---- the photo ------------------------------------------------------------------------------------------------------


def read(value: object) -> dict[str, np.ndarray]:
    """The photo for a run, by its name; empty without a photo."""
    return {PHOTO: pixels_of(value)} if has_picture(value) else {}


def photo_panel(tab: Layout) -> None:
    """The user's own photo, and the component taken from it; a new photo selects the first component."""
    with gr.Accordion("A part of your own photo", open=False) as panel:
        photo = canvas("hybrids-photo", "Photo", None, optional=True)
        examples(photo)
        tab.form.place("own")
    tab.source("photo", Source(photo, read), panel)

    first = json.dumps({split: parts[0] for split, (_, parts, *_) in SPLITS.items()})
    split, own = tab.form["split"], tab.form["own"]
    photo.change(None, [photo, split, own], [panel, own], js=ARRIVED % first, api_visibility="private")
