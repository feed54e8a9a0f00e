"""The inpainting tab's handlers, called as functions: masks on the canvas, runs that were stopped, resampling."""

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
from core.runs.frame import Frame
from core.runs.inpainting import ACROSS, FILLINGS, Filling, InpaintRequest
from core.runs.recording import Recording
from tabs.inpainting import mask as _mask
from tabs.inpainting import page as inpainting
from tabs.inpainting.job import JOB
from tabs.ui.canvas import SIDE, on_canvas
from tabs.ui.inside import inside
from tabs.ui.page import alone
from tabs.ui.viewer import RUNS

PHOTO = on_canvas(mountains())
HALF = Image.new("RGBA", (SIDE, SIDE))
HALF.paste("red", (0, 0, SIDE, SIDE // 2))
ALONE = {"picture": PHOTO, "mask": None}


# ---- masks ----------------------------------------------------------------------------------------------------------


def mask_in(value: dict) -> np.ndarray:
    """Where a canvas's value has new content."""
    return _mask.pictures_of(value)["mask"][..., 0] > 127


@pytest.fixture
def upload(tmp_path):
    """A function: the path of a mask file."""

    def made(picture: Image.Image) -> str:
        picture.save(tmp_path / "mask.png")
        return str(tmp_path / "mask.png")

    return made


def test_a_mask_is_uploaded_onto_the_picture(upload):
    value = _mask.upload_mask(ALONE, upload(HALF))
    assert np.array_equal(np.asarray(value["picture"]), np.asarray(PHOTO))
    assert mask_in(value)[32:].all() and not mask_in(value)[:32].any(), "what is transparent is made anew"


def test_a_large_mask_file_is_shrunk_and_one_too_large_is_not_even_decoded(upload, monkeypatch):
    path, decoded = upload(HALF), []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda self: decoded.append(self.size) or load(self))
    monkeypatch.setattr(images, "LARGE", 256**2)
    assert mask_in(_mask.upload_mask(ALONE, path))[32:].all()
    monkeypatch.setattr(images, "MAX_PIXELS", 400**2)
    decoded.clear()
    with pytest.raises(gr.Error, match="million pixels; please shrink it first") as told:
        _mask.upload_mask(ALONE, path)
    assert not decoded and not told.value.print_exception


# ---- runs that were stopped -----------------------------------------------------------------------------------------

needs_pocket = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


def twice(**changed) -> Filling:
    """The plan of "n = 1 against n = 5" on what the tab begins with."""
    asked = {"prompt": "", "guidance": 1, "jump_n": 1, "jump_length": 1, "seed": 7} | changed
    pictures = _mask.pictures_of(inpainting.begin(*inpainting.START))
    return JOB.planned("once-and-often", InpaintRequest.checked(**asked), pictures)


@pytest.fixture(scope="module")
def stopped():
    """The viewer's first value of that run, two seeds each, which is stopped then."""
    run = JOB.stream(twice(n=2, steps=3), "cpu")
    value = next(run)
    run.close()
    return value


def sheet(source: str) -> np.ndarray:
    """A viewer's picture as (rows, columns, 64, 64, 3)."""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=int)
    return pixels.reshape(-1, 64, len(ACROSS), 64, 3).swapaxes(1, 2)


def is_grey(cell: np.ndarray) -> bool:
    """Whether nothing is in a cell but the grey of what has not begun; the preview is WebP, so nearly."""
    return np.abs(cell.astype(int) - WAITING).mean() < 2


@needs_pocket
def test_ways_that_have_not_begun_are_grey_while_a_run_goes_on_and_after_stop(stopped):
    value, columns, chosen, *_ = JOB.keep(stopped)
    for shown in (stopped, value):
        cells = sheet(shown["frames"][-1]["images"][0])
        greys = [[is_grey(cell) for cell in row] for row in cells]
        assert greys == [[False] * 5] * 2 + [[False] * 3 + [True] * 2] * 2
        assert "grey: not begun yet" in shown["lanes"][0]
    assert value["caption"].endswith("Grey: not begun yet."), "it stands in the saved PNG, under the pictures"
    assert columns == 5 and "not begun" not in chosen["frames"][0]["label"]
    enlarged = JOB.look_at(value, 11)
    assert enlarged["frames"][0]["label"].endswith("· not begun")


@needs_pocket
def test_what_has_not_begun_is_neither_in_the_zip_nor_sent(stopped):
    *_, archive = JOB.keep(stopped)
    with zipfile.ZipFile(archive.value["path"]) as inside:
        results = {name for name in inside.namelist() if name.startswith("result")}
    assert results == {"result-1.png", "result-2.png"}
    for number in (14, 15, 19, 20):
        with pytest.raises(ValueError, match="has not begun"):
            JOB.pick(stopped, number)
    for number in (4, 5, 10, 11, 13):
        assert not is_grey(np.asarray(JOB.pick(stopped, number)))


@pytest.mark.slow
@needs_pocket
def test_a_run_that_ends_has_no_grey():
    *_, last = JOB.stream(twice(steps=2), "cpu")
    value, *_ = JOB.keep(last)
    assert not any(is_grey(cell) for row in sheet(value["frames"][-1]["images"][0]) for cell in row)
    assert "not begun" not in value["caption"] and RUNS.get(last).done


# ---- resampling -----------------------------------------------------------------------------------------------------


def costs(**changed) -> tuple[str, dict[str, str]]:
    """The cost line of the first settings, without a prompt, with these changes, and those of the experiments."""
    return priced(JOB, InpaintRequest(**{"prompt": "", "guidance": 1} | changed))


@needs_pocket
def test_the_cost_says_what_is_refused_and_why_an_experiment_cannot_be_run(monkeypatch):
    monkeypatch.setattr("core.runs.cost.seconds", lambda *_: 1.0)
    assert costs()[1]["once-and-often"] == "about 1.0 s"
    _, titles = costs(steps=10, jump_n=1)
    assert "needs more than 10" in titles.pop("once-and-often") and {*titles.values()} == {"about 1.0 s"}
    with pytest.raises(ValueError, match="needs more than 10 steps"):
        costs(steps=10)
    path = inpainting.path(10, 2, 10, 1000)
    (line,) = path["charts"][0]["series"]
    assert "10 transitions" in path["caption"] and line["x"] == list(range(11)), "the path is that of n = 1"


@pytest.mark.parametrize(
    ("experiment", "asked", "said"),
    [
        ("fill", {}, "n = 2, j = 10, "),
        ("fill", {"below": 999}, "n = 2, j = 10, "),
        ("fill", {"below": 500}, "n = 2, j = 10 from t = 500 down, "),
        ("fill", {"below": 500, "jump_n": 1}, "n = 1, j = 10, "),
        ("once-and-often", {"below": 950, "jump_n": 1}, "n = 1, n = 5, j = 10 from t = 950 down, "),
    ],
)
def test_the_caption_says_where_resampling_starts(experiment, asked, said):
    assert f"; DDPM, 30 steps, {said}" in FILLINGS[experiment](InpaintRequest(**asked)).caption


def test_a_step_up_shows_the_noise_estimate_of_the_step_before():
    """It asks the network nothing, and neither does the result."""
    pixels = lambda v: np.full((1, 64, 64, 3), v, np.uint8)  # noqa: E731
    noises = ({"": pixels(10)}, {}, {"": pixels(20)}, {})
    frames = [Frame(i, 3, 500 - i, pixels(0), pixels(0), parts) for i, parts in enumerate(noises)]
    made = Recording(FILLINGS["fill"](InpaintRequest()), frames=frames)
    first, up, second, result = (f["images"][2] for f in inside(made, 0)["frames"])
    assert first == up != second == result


@pytest.mark.parametrize("name", FILLINGS)
def test_no_preset_is_refused(name):
    for preset in (*inpainting.PRESETS.values(), *inpainting.COURSE.values()):
        if name == "fill" or preset.request.jump_n > 1:
            pictures = _mask.pictures_of(preset.sources["canvas"]())
            assert JOB.planned(name, preset.request, pictures).request is preset.request


# ---- handlers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoints():
    """The tab's API: endpoint -> names of its parameters."""
    named = alone(inpainting.TITLE, inpainting.build).get_api_info()["named_endpoints"]
    return {name: [p["parameter_name"] for p in about["parameters"]] for name, about in named.items()}


def test_the_api_has_the_canvas_the_request_s_fields_and_the_device(endpoints):
    fields = ["prompt", "guidance", "n", "steps", "jump_n", "jump_length", "below", "feather", "model", "seed"]
    runs = ["/inpaint_fill", "/inpaint_once_and_often", "/inpaint_two_pastes"]
    assert [name for name, names in endpoints.items() if names == ["canvas", *fields, "device"]] == runs
    assert endpoints["/restore_inpainting"] == ["file"] and endpoints["/upload_mask"] == ["editor", "path"]


@needs_pocket
def test_a_saved_filling_comes_back_with_its_picture_and_its_mask(endpoints, tmp_path):
    plan = twice(feather=3)
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), plan.settings()))
    editor, *values = JOB.restore(str(tmp_path / "saved.png"))
    assert values == list(plan.request.parameters().values())
    for name, pixels in _mask.pictures_of(editor).items():
        assert np.array_equal(pixels, plan.inputs[name])


@needs_pocket
def test_a_run_is_given_what_is_on_the_canvas(endpoints):
    *_, value = JOB.handler("fill")(inpainting.begin("Mountains", "top"), "", 1, 1, 1, 1, 1, 1000, 0, device="cpu")
    plan = RUNS.get(value).plan
    expected = _mask.pictures_of(inpainting.begin("Mountains", "top"))
    assert all(np.array_equal(plan.inputs[name], expected[name]) for name in ("original", "mask"))
    assert plan.experiment == "fill" and plan.request == InpaintRequest("", 1.0, 1, 1, 1, 1)


@needs_pocket
def test_what_is_refused_of_a_canvas_is_told(endpoints):
    run = JOB.handler("fill")
    for canvas, sentence in ((None, "There is no picture yet"), (ALONE, "The mask is empty")):
        with pytest.raises(gr.Error, match=sentence):
            next(run(canvas, device="cpu"))
