"""MNIST: everything that the digit models can show, one sub-tab per question."""

import dataclasses

import gradio as gr

from tabs import mnist_compare, mnist_denoiser, mnist_generate, mnist_learned, mnist_scoreboard
from tabs._common import Shared
from tabs._header import alone
from tabs._look import look

TITLE = "MNIST"
ID = "mnist"


def build(shared: Shared) -> None:
    """The tab and its five sub-tabs."""
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        inner = dataclasses.replace(shared, tabs=tabs)
        with gr.Tab("Generate", id="generate"):
            generate = mnist_generate.build(inner)
        with gr.Tab("Same noise, two models", id="compare"):
            mnist_compare.build(inner)
        with gr.Tab("How it learned", id="learned"):
            mnist_learned.build(inner)
        with gr.Tab("Single-step denoiser", id="denoiser"):
            picture = mnist_denoiser.build(inner)
        with gr.Tab("Scoreboard", id="scoreboard"):
            mnist_scoreboard.build(inner)
    mnist_generate.wire_send(generate, inner, "denoiser", picture)


if __name__ == "__main__":
    alone(TITLE, build).launch(**look())
