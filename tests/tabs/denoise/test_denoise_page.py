"""The tab Forward & denoise on its page: what fills its inputs, what a program calls it with, its example."""

import inspect
import json

import gradio as gr
import numpy as np
import pytest
from comparing import finished, places, start
from grey import plan

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.denoise import CURVE, METHODS, DenoiseRequest
from tabs.denoise import job, page
from tabs.denoise.job import JOB
from tabs.ui.controls import Shared
from tabs.ui.examples import example
from tabs.ui.failures import explained
from tabs.ui.layout import Layout
from tabs.ui.viewer import RUNS

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


@pytest.mark.slow
def test_a_saved_picture_brings_everything_back(built):
    view = finished(levels="400, 300", stride=60, filtered="as-it-is")
    *_, whole, _ = JOB.keep(view)
    picture, *values = JOB.restore(whole.value["path"])
    np.testing.assert_array_equal(np.asarray(picture), RUNS.get(view).plan.inputs["original"])
    assert values == ["400, 300", "a “rose” <b>", 1.0, "pocket", 60, 7, "as-it-is"]
    assert DenoiseRequest.restored(images.settings_of(whole.value["path"])) == RUNS.get(view).plan.request


def test_a_picture_of_before_the_filters_had_a_choice_is_restored(built, tmp_path):
    settings = plan(400).settings()
    del settings["filtered"], settings["stride"]
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), settings))
    _, *values = JOB.restore(str(tmp_path / "saved.png"))
    assert values == list(DenoiseRequest((400,)).parameters().values())


@pytest.mark.parametrize(
    "bad", [{"levels": {}}, {"levels": [-1]}, {"original": "x"}, {"original": None}, {"seed": "s"}]
)
def test_damaged_settings_get_one_sentence(tmp_path, bad):
    settings = plan().settings() | bad
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), settings))
    with pytest.raises(gr.Error):
        explained(JOB.restore)(str(tmp_path / "saved.png"))


# ---- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_handler_takes_the_parameters_of_the_api(built):
    handler = JOB.handler("compare")
    assert list(inspect.signature(handler).parameters) == ["picture", *DenoiseRequest.names(), "device"]
    *_, (*_, status) = handler(mountains(), "300", prompt="a rose", device="cpu")
    assert status.startswith("done")
    with pytest.raises(gr.Error, match="There is no picture yet"):
        next(handler(None, "300"))
    with pytest.raises(gr.Error, match="Give 1 to 9 timesteps"):
        next(handler(mountains(), ""))


def test_the_cost_line_counts_every_call(grey):
    values = DenoiseRequest((300,), guidance=3.0).parameters().values()
    calls, pictures = plan(300, guidance=3.0).cost()
    line = JOB.price(*values, "cpu")
    assert line.startswith(f"{calls} network calls on {pictures} images each (with and without the prompt), about ")


@pytest.mark.slow
def test_a_preset_leaves_the_chosen_model():
    for preset in page.PRESETS.values():
        with gr.Blocks():
            tab = Layout(JOB, DenoiseRequest(), Shared(None, None, None), {})
        values = tab.form.values(preset.request, () if preset.moves else ("model",))
        skipped = [k for k, v in enumerate(values) if isinstance(v, dict) and v == gr.skip()]
        assert skipped == [DenoiseRequest.names().index("model")]
        assert values[0] == ", ".join(map(str, preset.request.levels))


def test_a_preset_brings_its_scene_or_lets_the_model_draw(built):
    begun = {name: [make() for make in (p.sources or {}).values()] for name, p in page.PRESETS.items()}
    assert [len(scenes) for scenes in begun.values()] == [1, 1, 1, 0]
    np.testing.assert_array_equal(np.asarray(begun["t = 250, 500, 750"][0]), np.asarray(mountains()))
    drawing = [f for f in built.fns.values() if f.fn is job.make]
    assert [len(f.targets) for f in drawing] == [1, 1] and {f.targets[0][1] for f in drawing} == {"click", "then"}


# ---- the example ----------------------------------------------------------------------------------------------------


def test_the_example_is_finished_and_has_its_chart():
    shown = example("denoise")
    (chart,) = shown["chart"]["charts"]
    assert [line["name"] for line in chart["series"]] == [*METHODS]
    assert sum(len(line["x"]) for line in chart["series"]) > 60
    assert "place" not in shown["compared"] + shown["steps"]
    assert places(shown["steps"]) == len(DenoiseRequest().shown)
    frames = example("denoise-inside")["frames"]
    assert len(frames) == 6 and "result" in frames[-1]["label"]


def test_an_example_can_be_made_alone(monkeypatch, tmp_path):
    from tabs import make_examples

    monkeypatch.setattr(make_examples, "FOLDER", tmp_path)
    make_examples.main(["denoise"])
    assert {path.name for path in tmp_path.iterdir()} == {"denoise.json", "denoise-inside.json"}
    made = json.loads((tmp_path / "denoise.json").read_text())
    assert set(made) == {"forward", "compared", "steps", "chart"} and places(made["compared"]) == 18
    (chart,) = made["chart"]["charts"]
    assert [len(line["y"]) for line in chart["series"]] == [*[len(CURVE)] * 5, 3]


@pytest.mark.parametrize(("here", "learns"), [(["pocket", "ddpm-class"], 1), (["ddpm-class on cuda"], 0)])
def test_a_run_that_brought_its_model_teaches_the_cost_line_nothing(monkeypatch, here, learns):
    learnt = []
    monkeypatch.setattr(job, "loaded", lambda: here)
    monkeypatch.setattr(job.cost, "learn", lambda *args: learnt.append(args))
    list(start("200", 100))
    assert len(learnt) == learns
