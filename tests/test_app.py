"""The shell: flags, tabs that run alone, and nothing loaded before it is asked for."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
import torch
from gradio.context import Context

import app
from tabs import TABS, tab
from tabs.ui import controls
from tabs.ui.page import alone
from tabs.ui.theme import look

pytestmark = pytest.mark.slow

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
    assert tuple(app.parse([]).tabs) == TABS and app.parse(["--tabs", "words", "sdedit"]).tabs == ["words", "sdedit"]
    for wrong in (["--model", "classifier"], ["--tabs", "nothing"], ["--tabs"]):
        with pytest.raises(SystemExit):
            app.parse(wrong)


@pytest.mark.parametrize("model", [None, "ddpm-class", "pocket-fast"])
def test_the_app_builds_for_every_first_model(model):
    demo = app.create_app("cpu", model)
    chosen = [b.value for b in demo.blocks.values() if isinstance(b, gr.Dropdown) and b.label == "Model"]
    assert ("pocket-fast" in chosen) == (model == "pocket-fast")
    assert "ddpm-class" in chosen and ("flow-class" in chosen) == (model != "ddpm-class")


def test_every_slider_and_number_field_on_the_page_tells_its_range():
    """The number of a picture apart: how many there are is seen."""
    demo = app.create_app("cpu")
    numbers = [b for b in demo.blocks.values() if isinstance(b, gr.Slider | gr.Number)]
    silent = [b.label for b in numbers if not re.search(r"\d.* to -?\d", b.info or "")]
    assert len(numbers) > 80 and set(silent) <= {"Picture number"}


def test_a_page_of_some_tabs_has_no_others():
    demo = app.create_app("cpu", names=("words", "sampling"))
    ids = {b.elem_id for b in demo.blocks.values() if isinstance(b, gr.Tab)}
    assert {"sampling-tab", "words-tab"} <= ids and not {"sdedit-tab", "mnist-tab"} & ids


def test_every_button_that_sends_a_picture_is_wired():
    demo = app.create_app("cpu")
    buttons = {k for k, b in demo.blocks.items() if isinstance(b, gr.Button) and str(b.value).startswith("→ ")}
    clicked = {target[0] for fn in demo.fns.values() for target in fn.targets if target[1] == "click"}
    assert len(buttons) > 40 and buttons <= clicked


@pytest.mark.parametrize("name", TABS)
def test_every_tab_builds_alone(name):
    assert isinstance(alone(tab(name).TITLE, tab(name).build), gr.Blocks)


OPENED_ALONE = """
import os, runpy, sys
import gradio, torch  # what all tabs import, once
gradio.Blocks.launch = lambda *args, **how: print('served')
for name in sys.argv[1:]:
    sys.stderr.flush()
    if not (child := os.fork()):
        runpy.run_module(f'tabs.{name}', run_name='__main__', alter_sys=True)
        sys.stdout.flush()
        os._exit(0)
    _, how = os.waitpid(child, 0)
    print(name, how, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_tab_opens_alone():
    """`python -m tabs.NAME`, where nothing is served: one import of the page, and no warning."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", OPENED_ALONE, *TABS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    told = [line for line in done.stdout.splitlines() if not line.startswith("[")]
    assert told == [line for name in TABS for line in ("served", f"{name} 0")], done.stderr
    assert "Warning" not in done.stderr


def test_a_port_in_use_is_told_in_one_sentence(monkeypatch):
    with gr.Blocks() as page:
        gr.HTML()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(app, "create_app", lambda *_: page)
        monkeypatch.setattr(app.signal, "signal", lambda *_: None)
        monkeypatch.setattr(app.memory, "share_pools", lambda: None)
        with pytest.raises(
            SystemExit, match=rf"^Port {port} is in use; end what uses it, or choose another with --port\.$"
        ):
            app.main(["--port", str(port), "--device", "cpu"])


def test_who_is_terminated_leaves_no_files(tmp_path):
    code = (
        "import os, signal, time, app; from tabs.ui.files import temporary;"
        "app.create_app = lambda *_: None;"
        "app.serve = lambda *_: (print(temporary('a.txt', b'a')), os.kill(os.getpid(), signal.SIGTERM), time.sleep(60));"
        "app.main(['--device', 'cpu'])"
    )
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path)) and not list(tmp_path.glob("fun-with-diffusion-*"))


def test_the_page_is_small_over_the_wire(monkeypatch):
    """Examples and pictures come when they are seen, and scripts once; what stays is text, which is sent compressed."""
    monkeypatch.setattr(Context, "id", 0)  # the apps of other tests would make every id longer
    demo = app.create_app("cpu")
    config = demo.get_config_file()
    page = json.dumps(config | {name: look()[name] for name in ("css", "head")}).encode()
    assert len(gzip.compress(page + json.dumps(demo.get_api_info()).encode(), 4)) < 300_000
    assert max(len(c["props"].get("js_on_load") or "") for c in config["components"]) < 200
    pictures = re.findall(rb"data:image/(?!svg)[\w+/=;,-]+", page)  # what the canvases begin with, and their masks
    assert sum(map(len, pictures)) < 40_000


def test_building_the_app_loads_no_model_and_no_foreign_library():
    code = (
        "import sys, app; app.create_app(); from core.models import registry; "
        "assert registry.loaded() == []; "
        "assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_line_of_facts_names_few_models_and_counts_many(monkeypatch):
    monkeypatch.setattr(controls, "loaded", lambda: ["pocket", "pocket-fast"])
    assert controls.facts("cpu").endswith("loaded: pocket, pocket-fast")
    monkeypatch.setattr(controls, "loaded", lambda: ["pocket"] * 12)
    assert controls.facts("cpu").endswith("loaded: 12 models")
    monkeypatch.setattr(controls, "loaded", list)
    assert controls.facts("cpu").endswith("no model yet")
