"""What the tabs of anagrams and hybrids share: a chosen picture's files, what is had while a run goes on, presets."""

import inspect
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.checks import Refused
from core.models.registry import availability
from core.pictures import images
from core.pictures.figures import figure
from core.runs.frame import Frame
from core.runs.recording import Recording
from tabs.anagrams import page as anagrams
from tabs.hybrids import page as hybrids
from tabs.ui.two_readings import presets
from tabs.ui.viewer import RUNS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
]
TABS = [anagrams, hybrids]
SO_FAR = "Stopped at step 3 of 4: the clean estimate so far."


@pytest.fixture(params=TABS, ids=lambda tab: tab.ID)
def tab(request):
    """One of the two."""
    return request.param


@pytest.fixture
def written(monkeypatch):
    """What was written under pictures."""
    lines = []
    monkeypatch.setattr(
        "tabs.ui.files.figure", lambda pixels, words: lines.append(words.below) or figure(pixels, words)
    )
    return lines


def run_of(tab, done: bool, **how) -> Recording:
    """Two pictures in four steps, the end left out unless it is done; something was said of either."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, 2, 64, 64, 3), np.uint8)
    frames = [Frame(i, 4, 900 - i, *pixels[:, i]) for i in range(3)]
    if done:
        frames.append(Frame(4, 4, -1, pixels[1, 4], pixels[1, 4]))
    plan = tab.JOB.planned(tab.ID, tab.JOB.request(n=2, steps=4, **how), {})
    recording = Recording(plan, frames=frames, notes=("Picture 1: blocked.", "Picture 2: marked."))
    RUNS.add(recording)
    return recording


def last(values):
    """The last thing that a handler yields."""
    *_, value = values
    return value


@pytest.mark.parametrize("done", (False, True))
def test_a_picture_that_is_two_things_is_saved_with_its_caption(written, tab, done):
    run = run_of(tab, done)
    *_, gif, png, everything = last(tab.JOB.look_at({"run": run.id}, 2))
    ends = "guidance 3; seed 181. Picture 2: marked." + (not done) * f" {SO_FAR}"
    assert len(written) == 1 and written[0].endswith(ends) and "180" not in written[0]
    gif, png, everything = (button.value["path"] for button in (gif, png, everything))
    kind = run.plan.request.KIND
    assert [path.rpartition("/")[2] for path in (gif, png, everything)] == [
        f"{kind}-pocket-seed-181.{end}" for end in ("gif", "png", "zip")
    ]
    with zipfile.ZipFile(everything) as archive:
        plain = np.asarray(Image.open(io.BytesIO(archive.read("02-seed-181.png"))))
        assert archive.namelist() == [f"{run.plan.FILM}.gif", "01-seed-180.png", "02-seed-181.png"]
        with open(gif, "rb") as film:
            assert archive.read(f"{run.plan.FILM}.gif") == film.read()
    np.testing.assert_array_equal(plain[::8, :512:8], run.result[1])
    with Image.open(png) as picture:
        whole = np.asarray(picture)
    assert len(whole) > len(plain)
    np.testing.assert_array_equal(whole[: len(plain)], plain)
    assert tab.JOB.restore(png)[:17] == list(run.plan.request.parameters().values())
    assert images.settings_of(png)["picture"] == 1


def test_a_picture_that_is_chosen_while_the_run_goes_on_has_no_files_yet(written, tab):
    run = run_of(tab, False)
    run.notes = None  # nobody has looked at it: it goes on
    values = list(tab.JOB.look_at({"run": run.id}, 2))
    assert len(values) == 1 and not written
    assert [button.interactive for button in values[0][2:]] == [False] * 3 and values[0][1]["status"] == "picture 2"


def test_after_a_run_the_first_picture_is_chosen_and_its_files_come_last(tab):
    run = run_of(tab, True)
    soon, then = tab.JOB.keep({"run": run.id})
    assert soon[0] is then[0] and soon[0]["caption"].endswith("Picture 1: blocked. Picture 2: marked.")
    assert soon[1] == then[1] == 1 and soon[3]["status"] == "picture 1" and len(soon[0]["frames"]) == 4
    assert [b.interactive for b in soon[4:]] == [False] * 3 and [b.interactive for b in then[4:]] == [True] * 3


def test_the_picture_that_is_kept_alone_has_its_own_seed(tab):
    view = {"run": run_of(tab, True, seed=41).id}
    assert (tab.JOB.one(view, 1), tab.JOB.one(view, 2)) == ((41, 1), (42, 1))
    with pytest.raises(Refused, match="Choose a picture from 1 to 2"):
        tab.JOB.one(view, 3)


@pytest.mark.parametrize("forged", [{"caption": "x" * 5_000_000, "status": "y" * 5_000_000}, {"caption": {"a": 1}}])
def test_what_is_said_of_a_run_comes_from_the_server(tab, forged):
    run = run_of(tab, True)
    run.took = 1.25
    value, *_ = last(tab.JOB.keep({"run": run.id} | forged))
    assert value["status"] == "done in 1.2 s" and len(value["caption"]) < 300


def test_a_handler_has_the_api_s_parameters_and_their_defaults(tab):
    handler = tab.JOB.handler(tab.ID)
    names = list(inspect.signature(handler).parameters)
    assert [n for n in names if n != "photo"] == [*tab.JOB.request.ORDER, "device"]
    assert inspect.signature(handler).parameters["prompt_2"].default == tab.JOB.request().prompts[1]
    value = last(handler(n=1, steps=2, device="cpu"))
    made = RUNS.get(value).plan
    assert made.request == tab.JOB.request(n=1, steps=2) and value["caption"] == made.caption
    assert value["lanes"] == made.lane_titles and value["grid"]["across"] == ["seed 180"]


def test_the_cost_line_counts_every_reading_with_and_without_its_prompt(tab):
    values = list(tab.JOB.request(n=3, steps=7).parameters().values())
    assert tab.JOB.price(*values, "cpu").startswith("7 network calls on 12 images each (with and without the prompt), ")


def test_the_course_s_figures_are_offered_where_deepfloyd_is_ready(monkeypatch, tab):
    ours = presets(tab.PRESETS, tab.COURSE)
    assert {name: preset.request for name, preset in ours.items()} == tab.PRESETS
    monkeypatch.setattr("tabs.ui.presets.default_model", lambda: "if-m")
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (True, "Ready."))
    offered = presets(tab.PRESETS, tab.COURSE)
    assert offered.keys() == tab.PRESETS.keys() | tab.COURSE.keys()
    for name, asked in tab.COURSE.items():
        r = offered[name].request
        assert (r.model, r.guidance, r.prompts) == ("if-m", 7.0, asked.prompts)
        assert (r.style, r.n, r.sampler, r.steps) == ("", 1, "ddpm", 34)
        assert type(r).checked(**vars(r)) == r and offered[name].moves


def test_every_preset_is_a_request_that_can_be_run(tab):
    for r in tab.PRESETS.values():
        assert type(r).checked(**vars(r)) == r
