"""The table of models: every row is complete, and a row is all that a new model takes."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.checks import ModelError
from core.diffusion.sampler_table import SAMPLERS
from core.models import registry
from core.models.checkpoint import CHECKPOINT
from core.models.registry import MODELS, schedule_of
from core.models.spec import ModelSpec, Reader, Source, named
from core.runs import cost
from core.runs.mnist import DigitRequest
from core.runs.prompts import default_model, left_out, remarks, text_models, unread
from core.runs.sampling import PictureRequest

TASKS = {"text", "digits", "single-step", "one-call", "judge", "upscale"}
PATHS = {"text": ("ddpm", "flow"), "digits": ("ddpm", "flow"), "upscale": ("ddpm", "flow", None)}
"""Task -> what its models' path may be; that of other tasks' models is None."""
EVERY = [pytest.param(model, id=model.name) for model in MODELS.values()]
HERE = f"{__name__}:"


# ---- every row ----


@pytest.mark.parametrize("model", EVERY)
def test_a_row_is_complete(model):
    assert model.task in TASKS and model.title and model.family
    assert isinstance(model.source, Source) and callable(named(model.build))
    assert issubclass(named(model.reader), Reader)
    assert model.withholds == bool(model.finish) == (model.family == "deepfloyd")
    assert not model.finish or callable(named(model.finish))
    assert (model.task == "upscale") == bool(model.enlarges) == bool(model.enlarge)
    assert not model.enlarge or callable(named(model.enlarge))
    assert model.guidance > 1 and (not model.in_course or model.defaults)
    hash(model)


@pytest.mark.parametrize("model", EVERY)
def test_what_a_row_names_is_a_model_s_own(model):
    """No room above is named, which the imports would not show."""
    for where in (model.build, model.reader, model.schedule, model.finish, model.enlarge):
        assert not where or where.startswith("core.models.")


@pytest.mark.parametrize("model", EVERY)
def test_a_model_that_draws_names_its_path(model):
    assert model.path in PATHS.get(model.task, (None,))
    if not model.path:
        return
    t = torch.tensor([250])
    a, s = schedule_of(model.name).at(t, torch.zeros(1))
    assert float(a + s if model.path == "flow" else a**2 + s**2) == pytest.approx(1)


@pytest.mark.parametrize("model", EVERY)
def test_a_model_of_ours_says_how_it_is_trained_and_its_checkpoint_is_here_or_said_to_be_missing(model, tmp_path):
    if model.source is not CHECKPOINT:
        return
    module, _, argument = model.command.partition(" ")
    assert module.startswith("training.") and argument in ("", model.name)
    assert registry.availability(model.name, tmp_path) == (
        False,
        f"The model {model.name} is not in {tmp_path.name}/; get that folder from the repository again, "
        f"or train it with: python -m {model.command}",
    )
    assert model.loss or model.family != "digits"


def test_the_models_of_the_course_and_ours_begin_as_they_always_did():
    assert [name for name in MODELS if MODELS[name].in_course] == ["if-m", "if-l", "if-xl"]
    course = {"n": 1, "sampler": "ddpm", "timesteps": "stride30", "threshold": "dynamic", "guidance": 7.0}
    village = "an oil painting of a snowy mountain village"
    for name in ("if-m", "if-l", "if-xl"):
        assert PictureRequest.of(name) == PictureRequest(village, model=name, **course)
    assert PictureRequest.of("pocket") == PictureRequest() and PictureRequest().guidance == 2.0
    assert DigitRequest.of("flow-class") == DigitRequest()
    for name, sampler, guidance in (
        ("ddpm-class", "ddim", SAMPLERS["ddim"].guidance),
        ("ddpm-time", "ddim", 2.0),
        ("flow-time", "euler", 2.0),
    ):
        steps = SAMPLERS[sampler].steps[1]
        assert DigitRequest.of(name) == DigitRequest(model=name, sampler=sampler, steps=steps, guidance=guidance)


# ---- a new row ----


class Toy(nn.Linear):
    """A network of one layer."""


def build_toy(architecture, weights):
    """A Toy from its card and weights."""
    net = Toy(architecture["width"], 1)
    net.load_state_dict(weights)
    return net


class Echo(Reader):
    """Repeats what it reads."""

    def remarks(self, prompt):
        return [f"{self.model.name} reads {prompt}."]


@pytest.fixture
def toy(monkeypatch):
    """A text model that is added as one row."""
    row = ModelSpec("toy", "Toy", "toys", "text", source=CHECKPOINT, build=HERE + "build_toy", reader=HERE + "Echo")
    monkeypatch.setitem(MODELS, "toy", replace(row, command="training.train_toy", defaults={"steps": 4}))
    monkeypatch.setattr(CHECKPOINT, "_networks", {})
    return row


def test_a_model_is_added_by_one_row(toy, tmp_path):
    ready, sentence = registry.availability("toy", tmp_path)
    assert not ready and sentence.endswith("or train it with: python -m training.train_toy")
    with pytest.raises(ModelError, match="The model toy is not in"):
        registry.load("toy", "cpu", tmp_path)

    net, file = Toy(3, 1), tmp_path / "toy" / "weights.safetensors"
    file.parent.mkdir()
    save_file(net.state_dict(), file)
    card = {"architecture": {"width": 3}, "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}}
    (tmp_path / "toy" / "card.json").write_text(json.dumps(card))

    assert registry.availability("toy", tmp_path) == (True, "Ready.")
    assert registry.card("toy", tmp_path) == card
    assert registry.weights("toy", tmp_path).keys() == {"weight", "bias"}
    assert registry.loaded() == []
    loaded = registry.load("toy", "cpu", tmp_path)
    assert isinstance(loaded, Toy) and torch.equal(loaded.weight, net.weight)
    assert registry.load("toy", "cpu", tmp_path) is loaded and registry.loaded() == ["toy"]
    CHECKPOINT.release()
    assert registry.load("toy", "cpu", tmp_path) is not loaded

    assert "toy" in text_models() and PictureRequest.of("toy") == PictureRequest(model="toy", steps=4, guidance=7.0)
    assert remarks("toy", "a rose") == ["toy reads a rose."]
    assert left_out("toy", ["a rose"]) == unread("toy", ["a rose"]) == []
    assert default_model() != "toy"


class Live(Source):
    """Models that are made in memory."""

    def availability(self, model, folder=None):
        return True, "Made here."

    def card(self, model, folder=None):
        return {"architecture": {"parameters": 4}, "sha256": {}}

    def load(self, model, device, folder=None):
        return named(model.build)({"width": 3}, Toy(3, 1).state_dict()).to(device)

    def in_memory(self):
        return [("toy", "cuda")]

    def comes_first(self, model):
        return True

    def assumed(self, model, device):
        return 0.5, 0.25


def test_a_source_of_its_own_needs_no_other_change(toy, monkeypatch):
    monkeypatch.setitem(MODELS, "toy", replace(toy, source=Live()))
    monkeypatch.setattr(cost, "_correction", {})
    assert registry.availability("toy") == (True, "Made here.") and isinstance(registry.load("toy", "cpu"), Toy)
    assert registry.card("toy")["architecture"]["parameters"] == 4
    assert registry.loaded()[-1] == "toy on cuda"
    assert default_model() == "toy"
    assert cost.seconds("toy", "cpu", 10, 2) == 10 * (0.5 + 2 * 0.25)
    assert not registry.borrows("toy", "auto")


@pytest.mark.parametrize("name", ["", "Pocket", None, 3, ["pocket"], {}])
def test_what_is_no_model_is_refused_everywhere(name):
    for ask in (registry.spec, registry.card, registry.availability, registry.load, registry.weights, schedule_of):
        with pytest.raises(ModelError, match="There is no model called"):
            ask(name)
