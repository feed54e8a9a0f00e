"""A heat map for every word of a prompt; a word weighed up or down; a word swapped."""

import gradio as gr

from core.runs.words import WordsRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset
from tabs.words.job import JOB, WEIGHTS
from tabs.words.view import view, words_head

R = WordsRequest
PRESETS = {
    "A red apple": R(),
    "Two things, two colours": R("an emoji of a red apple and a green pear", n=4, weights="green 3, red 0"),
    "Green, from -2 to 3": R("an emoji of a green apple", weights="green 0", other="an emoji of a red apple"),
    "A cat becomes a dog": R("an emoji of a cat face", weights="cat 0", other="an emoji of a dog face", keep=30),
    "A heart changes colour": R("an emoji of a red heart", other="an emoji of a blue heart", keep=30),
    "A photo": R("a photo of a seashore", weights="seashore 2", other="a photo of an alp"),
    "The same word twice": R("an emoji of a red red heart", weights="red#2 3", other="an emoji of a red heart"),
    "A word it does not know": R("an emoji of a melancholic panda", weights="panda 0", other="an emoji of a bear"),
    "No prompt": R("", weights="(padding) 0"),
}
EXPERIMENTS = {
    "Green, from -2 to 3": "ladder",
    "A cat becomes a dog": "swap",
    "A heart changes colour": "swap",
    "The same word twice": "weigh",
}
"""Preset -> the experiment that shows what its name says; the others draw and watch."""


class WordsLayout(Layout):
    """The columns of the sub-tab; its viewer lights the maps of words."""

    show = staticmethod(view)


def build(shared: Shared) -> None:
    """The sub-tab."""
    presets = {name: Preset(r, experiment=EXPERIMENTS.get(name, "")) for name, r in PRESETS.items()}
    how = {"weights": {"elem_id": WEIGHTS}}
    tab = WordsLayout(JOB, WordsRequest(), shared, presets, how=how)
    form = tab.form
    with tab.left:
        form.place("prompt")
        tab.run_row("Draw and watch", ("prompt", "other"))
        form.place("n", "guidance", "seed")
        tab.experiments("Experiments: the same noise throughout.")
        form.place("weights", "other", "keep")
        with tab.more("restore_words"):
            form.place("model", "sampler", "steps")
    with tab.right:
        tab.viewer()
        tab.inside("Inside one picture, step by step")
        formula_panel("words")
    gr.api(words_head, api_name="words_head")
    tab.wire({"maps": "watch_words", "weigh": "weigh_words", "ladder": "weigh_words_ladder", "swap": "swap_words"})
