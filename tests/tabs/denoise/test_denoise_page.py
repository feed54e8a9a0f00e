"""The tab Forward & denoise on its page: what fills its inputs, what a program calls it with, its example."""

import inspect
import zipfile
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from comparing import finished, start
from grey import plan

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.denoise import CURVE, METHODS, DenoiseRequest
from tabs.denoise import job, page
from tabs.denoise.example import from_bytes, to_bytes
from tabs.denoise.figures import comparison, on_page, progress, quality
from tabs.denoise.job import JOB
from tabs.ui.controls import Shared
from tabs.ui.examples import example, recorded
from tabs.ui.failures import explained
from tabs.ui.layout import Layout
from tabs.ui.page import alone
from tabs.ui.picture import original
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


def test_each_of_two_pages_in_one_program_gets_back_its_own_inputs():
    pages = [alone(page.TITLE, page.build) for _ in range(2)]
    view = finished()
    for blocks in pages:
        (back,) = (f for f in blocks.fns.values() if f.name == "back")
        filled = back.fn(view)
        assert len(filled) > 8 and {c._id for c in filled} <= {c._id for c in back.outputs}


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
    shown = recorded("example-denoise")
    (chart,) = quality(shown.curve)["charts"]
    assert [line["name"] for line in chart["series"]] == [*METHODS]
    assert sum(len(line["x"]) for line in chart["series"]) > 60
    strip = on_page(progress(shown))
    assert "place" not in on_page(comparison(shown)) + strip and strip.count("<img") == len(DenoiseRequest().shown)
    frames = example("denoise-inside")["frames"]
    assert len(frames) == 6 and "result" in frames[-1]["label"]


def test_an_example_can_be_made_alone(monkeypatch, tmp_path):
    from tabs import make_examples

    monkeypatch.setattr(make_examples, "FOLDER", tmp_path)
    make_examples.main(["denoise"])
    assert {path.name for path in tmp_path.iterdir()} == {"denoise.npz", "denoise-inside.json"}
    made = from_bytes((tmp_path / "denoise.npz").read_bytes(), "example-denoise", JOB.recalled)
    assert on_page(comparison(made)).count("<img") == 18
    (chart,) = quality(made.curve)["charts"]
    assert [len(line["y"]) for line in chart["series"]] == [*[len(CURVE)] * 5, 3]


def test_an_example_is_read_as_it_was_written_but_for_small_losses_in_the_pictures():
    (*_, view, _) = list(JOB.stream(JOB.planned("compare", DenoiseRequest((500,)), original(mountains())), "cpu"))[-1]
    this = JOB.get(view)
    after = from_bytes(to_bytes(this), "example-x", JOB.recalled)
    for name in ("took", "i", "settings"):
        assert getattr(after, name) == getattr(this, name)
    for before, now in zip([*this.found, *this.iterated], [*after.found, *after.iterated], strict=True):
        assert replace(before, pixels=None) == replace(now, pixels=None)
        assert np.abs(before.pixels.astype(int) - now.pixels).mean() < 8
    assert [replace(e, pixels=None) for e in this.curve] == [replace(e, pixels=None) for e in after.curve]
    assert np.abs(np.stack(this.states).astype(int) - np.stack(after.states)).mean() < 8
    assert np.abs(this.beside.ladder.astype(int) - after.beside.ladder).mean() < 8, "noise at the top"


def test_the_example_offers_its_pictures_and_files():
    choice, whole, packed = JOB.offer({"run": "example-denoise"})
    assert choice.value == "iterative, t = 750" and len(choice.choices) == 18
    assert images.settings_of(whole.value["path"])["levels"] == [250, 500, 750]
    with zipfile.ZipFile(packed.value["path"]) as files:
        assert {"comparison.png", "original.png", "psnr.csv", "t-500-one-step.png"} <= set(files.namelist())
    assert JOB.pick({"run": "example-denoise"}, "one step, t = 500").size == (64, 64)


@pytest.mark.parametrize(("here", "learns"), [(["pocket", "ddpm-class"], 1), (["ddpm-class on cuda"], 0)])
def test_a_run_that_brought_its_model_teaches_the_cost_line_nothing(monkeypatch, here, learns):
    learnt = []
    monkeypatch.setattr(job, "loaded", lambda: here)
    monkeypatch.setattr(job.cost, "learn", lambda *args: learnt.append(args))
    list(start("200", 100))
    assert len(learnt) == learns
