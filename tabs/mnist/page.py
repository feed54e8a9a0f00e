"""MNIST: everything that the digit models can show, one sub-tab per question."""

import dataclasses

import gradio as gr

from tabs.mnist import compare as mnist_compare
from tabs.mnist import denoiser as mnist_denoiser
from tabs.mnist import generate as mnist_generate
from tabs.mnist import learned as mnist_learned
from tabs.mnist import scoreboard as mnist_scoreboard
from tabs.ui.controls import Shared

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
