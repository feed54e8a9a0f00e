"""The shell: flags, tabs that run alone, and nothing loaded before it is asked for."""

import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
import torch

import app
from tabs import TABS
from tabs._header import alone

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused_in_one_sentence(capsys):
    with pytest.raises(SystemExit) as stop:
        app.parse(["--device", "cuda"])
    assert stop.value.code == 2
    assert "This machine has no usable CUDA device; choose auto or cpu." in capsys.readouterr().err


def test_flags():
    args = app.parse(["--host", "0.0.0.0", "--port", "8000", "--share", "--model", "ddpm-class", "--device", "cpu"])
    assert (args.host, args.port, args.share, args.model, args.device) == ("0.0.0.0", 8000, True, "ddpm-class", "cpu")
    assert app.parse([]).model is None
    with pytest.raises(SystemExit):
        app.parse(["--model", "classifier"])


@pytest.mark.parametrize("model", [None, "ddpm-class", "pocket"])
def test_the_app_builds_for_every_first_model(model):
    demo = app.create_app("cpu", model)
    chosen = [b.value for b in demo.blocks.values() if isinstance(b, gr.Dropdown) and b.label == "Model"]
    assert "pocket" in chosen and ("ddpm-class" if model == "ddpm-class" else "flow-class") in chosen


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.ID)
def test_every_tab_builds_alone(tab):
    assert isinstance(alone(tab.TITLE, tab.build), gr.Blocks)


def test_building_the_app_loads_no_model_and_no_foreign_library():
    code = (
        "import sys, app; app.create_app(); from core import registry; "
        "assert registry._load.cache_info().currsize == 0; "
        "assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
