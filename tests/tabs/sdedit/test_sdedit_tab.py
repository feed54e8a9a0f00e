"""The SDEdit tab's handlers, called as functions: runs that were stopped, the look inside, what a saved picture brings back."""

import base64
import io
import zipfile

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from pricing import priced

from core.models.registry import availability
from core.pictures import images
from core.pictures.images import WAITING
from core.pictures.scenes import mountains
from core.runs.recording import Recording
from core.runs.sdedit import LADDERS, Ladder, SDEditRequest
from tabs.sdedit import page as sdedit
from tabs.sdedit.page import JOB
from tabs.ui.canvas import on_canvas, paper, pixels_of
from tabs.ui.page import alone
from tabs.ui.viewer import RUNS

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
ORIGINAL = pixels_of(on_canvas(mountains()))


def two(**changed) -> Ladder:
    """A row with two strengths of the mountains, without a prompt."""
    asked = {"prompt": "", "starts": "30, 33", "seed": 7} | changed
    return JOB.planned("ladder", SDEditRequest.checked(**asked), {"original": ORIGINAL})


@pytest.fixture(scope="module")
def stopped():
    """The viewer's first value of that run, which is stopped then."""
    run = JOB.stream(two(), "cpu")
    value = next(run)
    run.close()
    return value


@pytest.fixture(scope="module")
def finished():
    """The viewer's last value of that run."""
    *_, value = JOB.stream(two(), "cpu")
    return value


def decoded(source: str) -> np.ndarray:
    """A data URI's picture, (H, W, 3)."""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)


def is_grey(picture: np.ndarray) -> bool:
    """Whether nothing is in a picture but the grey of what has not begun; the preview is WebP, so nearly."""
    return np.abs(picture.astype(int) - WAITING).mean() < 2


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_a_strength_that_has_not_begun_is_grey_in_the_viewer_and_in_the_zip(stopped):
    value, number, chosen, *_, archive = JOB.keep(stopped)
    for seen in (stopped, value):
        estimates, states = (
            decoded(lane).reshape(64, 3, 64, 3).swapaxes(0, 1) for lane in seen["frames"][-1]["images"]
        )
        assert [is_grey(p) for p in estimates] == [False, True, False] and not any(map(is_grey, states))
    assert (number, chosen["frames"][0]["label"]) == (1, "step 1 / 4 · t = 90")
    assert value["caption"].endswith("Stopped at step 1 of 4: the clean estimate so far.")
    with zipfile.ZipFile(archive.value["path"]) as files:
        grey = {}
        for name in files.namelist():
            if name.startswith("row-"):
                with Image.open(io.BytesIO(files.read(name))) as picture:
                    grey[name] = is_grey(np.asarray(picture))
    assert grey == {"row-1-i-30.png": False, "row-1-i-33.png": True, "row-1-original.png": False}


def test_a_run_that_ends_has_no_grey_and_ends_with_the_original(finished):
    value, _, _, loop, png, archive = JOB.keep(finished)
    estimates, _ = (decoded(lane).reshape(64, 3, 64, 3).swapaxes(0, 1) for lane in value["frames"][-1]["images"])
    assert not any(map(is_grey, estimates))
    assert np.array_equal(RUNS.get(finished).result[-1], ORIGINAL)
    names = [button.value["path"].rpartition("/")[2] for button in (loop, png, archive)]
    assert names == [f"sdedit-ladder-pocket-seed-7.{end}" for end in ("gif", "png", "zip")]
    assert images.settings_of(png.value["path"]) == two().settings()


def test_the_look_inside_stands_beside_the_original_and_is_grey_until_it_begins(finished):
    value = JOB.look_at(finished, 2)
    assert value["lanes"][:3] == ["original", "x_t: the state", "x_0: the clean estimate"] and value["columns"] == 3
    assert [frame["label"].endswith("· not begun") for frame in value["frames"]] == [True, True, True, False, False]
    assert [is_grey(decoded(frame["images"][2])) for frame in value["frames"]] == [True, True, True, False, False]
    for frame in value["frames"]:
        assert np.abs(decoded(frame["images"][0]) - ORIGINAL).mean() < 4
    assert not any("not begun" in frame["label"] for frame in JOB.look_at(finished, 3)["frames"])
    with pytest.raises(ValueError, match="Choose a picture from 1 to 3"):
        JOB.look_at(finished, 4)


def test_neither_a_look_inside_nor_a_picture_is_had_while_the_run_is_to_be_checked(finished):
    made = RUNS.get(finished)
    unchecked = Recording(made.plan, frames=made.frames, withheld=True)
    RUNS.add(unchecked)
    for handler in (JOB.look_at, JOB.pick):
        with pytest.raises(ValueError, match="still to be checked"):
            handler({"run": unchecked.id}, 1)


# ---- handlers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoints():
    """The tab's API: endpoint -> names of its parameters."""
    named = alone(sdedit.TITLE, sdedit.build).get_api_info()["named_endpoints"]
    return {name: [p["parameter_name"] for p in about["parameters"]] for name, about in named.items()}


def test_the_api_has_the_canvas_the_request_s_fields_and_the_device(endpoints):
    fields = ["prompt", "guidance", "starts", "n", "prompts", "model", "sampler", "seed"]
    runs = ["/sdedit_ladder", "/sdedit_with_and_without", "/sdedit_several_prompts"]
    assert [name for name, names in endpoints.items() if names == ["canvas", *fields, "device"]] == runs
    assert endpoints["/sdedit_several_pictures"] == ["canvas", "canvas_2", "canvas_3", *fields, "device"]
    assert endpoints["/restore_sdedit"] == ["path"]


def test_a_run_is_given_what_is_on_the_canvas(endpoints):
    canvas = {"picture": on_canvas(mountains()), "mask": None}
    *_, value = JOB.handler("several-prompts")(canvas, "", 1, "33", 1, "a rose\na lion", device="cpu")
    plan = RUNS.get(value).plan
    assert np.array_equal(plan.inputs["original"], ORIGINAL) and plan.experiment == "several-prompts"
    assert plan.request == SDEditRequest("", 1.0, "33", 1, "a rose\na lion") and value["grid"]["down"] == [
        "a rose",
        "a lion",
    ]
    with pytest.raises(gr.Error, match="There is no picture yet"):
        next(JOB.handler("ladder")(None, device="cpu"))


@pytest.mark.parametrize("experiment", LADDERS)
def test_a_saved_row_comes_back_with_its_picture(endpoints, tmp_path, experiment):
    request = SDEditRequest.checked(starts="2, 4", seed=9, sampler="ddpm", n=2)
    pictures = {"original": ORIGINAL} | ({"original 3": 255 - ORIGINAL} if experiment == "several-pictures" else {})
    plan = JOB.planned(experiment, request, pictures)
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), plan.settings()))
    picture, *values, second, third = JOB.restore(str(tmp_path / "saved.png"))
    assert np.array_equal(np.asarray(picture), ORIGINAL) and values == list(request.parameters().values())
    if experiment == "several-pictures":
        assert second == {} and np.array_equal(np.asarray(third), 255 - ORIGINAL)
    else:
        assert second == third == gr.skip(), "they played no part"


def test_the_cost_line_is_of_this_run_and_the_button_of_each_experiment_has_its_own_cost(monkeypatch):
    monkeypatch.setattr("core.runs.cost.seconds", lambda *_: 1.0)
    line, titles = priced(JOB, SDEditRequest())
    assert line == "33 network calls on 10 images each (with and without the prompt), about 1.0 s"
    assert titles == dict.fromkeys(JOB.titles, "about 1.0 s") and len(titles) == 3
    line, titles = priced(JOB, SDEditRequest(prompt=""))
    assert "with and without" not in line and [*titles.values()][1:] == ["about 1.0 s"] * 2
    assert titles["with-and-without"] == "Give a prompt: the second row is drawn with it, the first without."
    with pytest.raises(ValueError, match="Every start i"):
        priced(JOB, SDEditRequest(starts="34"))


@pytest.mark.parametrize("name", sdedit.PRESETS)
def test_every_preset_can_be_run_in_every_experiment_that_takes_it(name):
    preset = sdedit.PRESETS[name]
    original = pixels_of(preset.sources["canvas"]())
    assert original.shape == (64, 64, 3) and not np.array_equal(original, pixels_of(paper()))
    for experiment in LADDERS if preset.request.prompt else ("ladder", "several-prompts"):
        pictures = {"original": original, "original 2": original}
        assert JOB.planned(experiment, preset.request, pictures).request is preset.request
