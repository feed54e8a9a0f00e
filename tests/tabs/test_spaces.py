"""On a Space that lends its GPU for single calls: a stand-in for its package forks a worker and pickles every yield."""

import errno
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch

from core.checks import ModelError, Refused
from core.models import device
from core.models.device import lends_gpu, pick_device
from core.models.registry import availability, borrows
from core.runs import cost
from core.runs.anagrams import AnagramRequest, Anagrams
from core.runs.denoise import DenoiseRequest, Denoising
from core.runs.enlarging import larger
from core.runs.hybrids import HybridRequest, Hybrids
from core.runs.inpainting import FILLINGS, InpaintRequest
from core.runs.sampling import PLANS, PictureRequest
from core.runs.sdedit import LADDERS, SDEditRequest
from tabs.ui import gpu as _gpu

ROOT = Path(__file__).parents[2]
GREY = np.full((64, 64, 3), 128, np.uint8)
HALF = 255 * np.tri(64, dtype=np.uint8)[..., None]  # a mask
STAND_IN = """
import multiprocessing, pickle

asked = []

def GPU(duration):
    def decorate(function):
        def borrowed(*args):
            asked.append(duration(*args))
            mine, theirs = multiprocessing.get_context("fork").Pipe()
            def work(sent):
                for value in function(*pickle.loads(sent)):
                    theirs.send_bytes(pickle.dumps(value))
                theirs.send_bytes(b"")
            worker = multiprocessing.get_context("fork").Process(target=work, args=(pickle.dumps(args),))
            worker.start()
            while data := mine.poll(60) and mine.recv_bytes():
                yield pickle.loads(data)
            worker.join(10)
            assert worker.exitcode == 0, worker.exitcode
        return borrowed
    return decorate
"""
RUN = """
import functools
import torch
torch.set_num_threads(1)
import spaces
from core.models import device as devices
from core.runs.sampling import with_and_without
from core.diffusion.denoiser import NETWORK_LOCK
from core.runs.sampling import PictureRequest
from core.models.registry import availability
from tabs.ui import gpu as _gpu
from tabs.sampling.page import JOB
from toys import played

assert availability("pocket")[0] and not devices._on_loan
plan = with_and_without(PictureRequest(n=1, steps=3))

def there(plan, device):
    assert device == "cuda" and devices._on_loan
    yield from plan.run("cpu")

here = list(plan.run("cpu"))
_gpu.borrows = lambda name, device: True
with NETWORK_LOCK:  # as if another job computed while the worker is forked
    lent = list(_gpu.placed(functools.partial(there, plan), "if-xl", "auto", (3, 4)))
assert len(lent) == len(here) == 4
for a, b in zip(here, lent):
    assert torch.equal(a.x_t, b.x_t) and torch.equal(a.x_0, b.x_0) and set(a.parts) == set(b.parts)
    assert (a.i, a.n) == (b.i, b.n) and torch.equal(a.t, b.t)
assert not devices._on_loan
*_, value = JOB.stream(played(functools.partial(there, plan)), "auto")
assert value["status"].startswith("done") and value["caption"] == "A picture." and len(value["frames"]) == 4
print("durations", *spaces.asked)
"""


@pytest.fixture
def lending(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Refused("The own part needs a photo."), "The own part needs a photo."),
        (ModelError("The text encoder is not here."), "The text encoder is not here."),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GB"), "The device ran out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of the machine that runs this app is full"),
        (ZeroDivisionError("a secret"), "Something went wrong inside the app"),
    ],
)
def test_what_fails_in_the_worker_is_said_in_words(monkeypatch, error, sentence):
    """Spaces brings back the words of gr.Error alone."""
    monkeypatch.setattr(device, "_on_loan", False)

    def make(device):
        yield device
        raise error

    steps = _gpu._lent(1.0, make)
    assert next(steps) == "cuda"
    with pytest.raises(gr.Error) as caught:
        next(steps)
    assert pickle.loads(pickle.dumps(caught.value)).message.startswith(sentence)
    assert "secret" not in caught.value.message


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_in_the_worker_is_the_run_here(tmp_path):
    (tmp_path / "spaces.py").write_text(STAND_IN)
    env = os.environ | {
        "SPACES_ZERO_GPU": "true",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    short, unknown = map(int, done.stdout.split()[1:])
    assert _gpu.LEAST <= short < unknown <= _gpu.MOST


def test_elsewhere_nothing_is_borrowed(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not lends_gpu() and not borrows("if-xl", "auto")
    assert list(_gpu.placed(lambda device: iter([device]), "if-xl", "auto", None)) == ["auto"]


def test_only_large_models_borrow_the_gpu_and_small_ones_stay_on_the_cpu(lending, monkeypatch):
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: True)  # as Spaces pretends
    assert pick_device("auto").type == "cpu"
    with pytest.raises(ModelError, match="lends its GPU for single calls only; choose auto"):
        pick_device("cuda")
    with monkeypatch.context() as in_the_worker:
        in_the_worker.setattr(device, "_on_loan", True)
        assert pick_device("cuda").type == "cuda"
    assert borrows("if-xl", "auto") and not borrows("if-xl", "cpu")
    assert not any(borrows(name, "auto") for name in ("pocket", "flow-class"))


def test_a_new_prompt_lengthens_the_loan(lending, monkeypatch):
    asked = []
    monkeypatch.setattr(_gpu, "_lent", lambda seconds, make: asked.append(seconds) or iter(()))
    monkeypatch.setattr(_gpu, "unread", lambda model, prompts: [p for p in prompts if p == "new"])
    for prompt in ("new", "known"):
        _gpu.placed(iter, "if-xl", "auto", (30, 2), [prompt])
    assert asked[0] == asked[1] + _gpu.READING


def test_the_loan_follows_the_cost_model_within_bounds(lending, monkeypatch):
    monkeypatch.setattr(cost, "_correction", {})
    few, many = (cost.seconds("if-xl", "auto", calls, 2) for calls in (10, 100))
    assert 0 < few < many
    assert _gpu._duration(few, None) < _gpu._duration(many, None) <= _gpu._duration(1e6, None) == _gpu.MOST
    cost.learn("if-xl", "auto", 100, 2, 2 * many)
    assert cost.seconds("if-xl", "auto", 100, 2) > many


@pytest.mark.slow
@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.parametrize(
    "run",
    [
        PLANS["guidance-sweep"](PictureRequest()).run,
        replace(LADDERS["ladder"](SDEditRequest()), inputs={"original": GREY}).run,
        replace(FILLINGS["once-and-often"](InpaintRequest()), inputs={"original": GREY, "mask": HALF}).run,
        Anagrams(request=AnagramRequest()).run,
        Hybrids(request=HybridRequest()).run,
        larger(Anagrams(request=AnagramRequest()), 1, GREY, by="if-ii-m").run,
        Denoising(request=DenoiseRequest(), inputs={"original": GREY}).run,
    ],
)
def test_what_is_sent_to_the_worker_is_the_same_run_there(run, tiny_if_here, monkeypatch):
    """Enlarging takes a tiny stage II, the others the shipped pocket; their first Steps are compared bit for bit."""
    here, there = (next(each(device="cpu")) for each in (run, pickle.loads(pickle.dumps(run))))
    torch.testing.assert_close(vars(there), vars(here), rtol=0, atol=0)
