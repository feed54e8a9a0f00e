"""The tab Forward & denoise: places from the start, what is left after Stop, what is saved, sent and brought back."""

import html
import io
import json
import re
import zipfile
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from comparing import finished, places, start
from grey import plan
from PIL import Image

from core.checks import Refused
from core.models.registry import MODELS, availability
from core.pictures import images
from core.runs import comparison
from core.runs.denoise import DenoiseRequest
from core.runs.frame import Frame
from core.runs.recording import Recording
from core.runs.sampling import PictureRequest, samples
from tabs.denoise.figures import quality
from tabs.denoise.job import JOB, caption_of
from tabs.ui.send import drawn_from
from tabs.ui.viewer import RUNS

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


def drawn(chart: dict) -> int:
    """The number of points in a tab's chart."""
    return sum(len(line["x"]) for line in chart["charts"][0]["series"])


def test_every_place_is_there_from_the_first_moment():
    values = list(start("690, 250"))
    for forward, compared, strip, *_ in values:
        assert forward == gr.skip() or places(forward) == 9
        assert places(compared) == 12
        assert places(strip) == len(DenoiseRequest((690,)).shown) == 6
    assert places(values[0][0]) == places(values[-1][0]) == 9
    assert values[0][1].count("<img") == values[0][2].count("<img") == 0
    assert "place" not in values[-1][1] + values[-1][2]
    assert "t = 690" in values[0][2] and "t = 540" in values[0][2] and "result" in values[0][2]


def test_a_run_clears_the_chart_and_fills_it_at_its_end():
    charts = [value[3] for value in start()]
    assert charts[0] == quality() and drawn(charts[0]) == 0
    filled = [chart for chart in charts if chart != gr.skip() and drawn(chart)]
    assert len(filled) == 1 and filled[0] is charts[-1]


def test_the_caption_names_everything_and_is_escaped():
    *_, (_, compared, *_) = start(stride=60)
    assert "pocket: “a “rose” &lt;b&gt;”; guidance 1; stride 60; seed 7.<" in compared


def test_the_status_of_a_step_is_that_of_the_viewers_with_the_timesteps_and_the_time_left():
    told = [status for *_, status in start() if status.startswith("step")]
    assert told[0] == "step 1 / 17 · t = 250 – 500"
    assert [re.sub(r"\d+ s left", "… s left", words) for words in told[1::8]] == [
        "step 2 / 17 · t = 220 – 470 · … s left",
        "step 10 / 17 · t = 230 · 1 of 2 done · … s left",
    ]
    assert told[-1].startswith("step 17 / 17 · t = ") and told[-1].endswith(" · 1 of 2 done · 0 s left")


@pytest.mark.parametrize(
    ("moments", "status"), [(1, "stopped before the first step"), (3, "stopped before the first step"), (8, None)]
)
def test_stop_keeps_what_exists_and_says_so(moments, status):
    run = start()
    for _ in range(moments):
        *_, view, running = next(run)
    run.close()
    compared, strip, chart, said, inside, choice, *files = JOB.keep(view)
    this = RUNS.get(view)
    step = running.removeprefix("step ").partition(" /")[0]
    assert said == (status or f"stopped at step {step} / 17")
    assert this.i == (-1 if status else int(step) - 1) and this.i in (-1, 4)
    assert drawn(chart) == len(this.found)
    assert caption_of(this).endswith(f"seed 7. {said.capitalize()}.") and caption_of(this) in html.unescape(compared)
    assert compared.count("<img") == len(this.found) and places(compared) == 12
    assert strip.count("<img") == len(this.states) == (1 if moments == 8 else 0)
    assert all(button.interactive for button in files)
    assert choice.value == ("iterative, t = 500" if moments == 8 else this.found[-1].name if this.found else None)
    assert len(inside.get("frames", [])) == (this.i + 1 if moments == 8 else 0)


def test_stop_while_the_curve_is_measured_is_told_and_the_chart_shows_what_there_is():
    run, running = start(), ""
    while not running.startswith("measuring the curve"):
        *_, view, running = next(run)
    _, _, chart, said, inside, *_ = JOB.keep(view)
    assert len(inside["frames"]) == 18
    assert said == "stopped before the curve was measured" and drawn(chart) == 12
    *_, _ = run  # the step under way ends, and adds nothing to what was kept
    _, _, chart, again, *_ = JOB.keep(view)
    assert again == said and drawn(chart) == 12


def test_stop_that_comes_too_late_is_told_and_the_chart_is_whole():
    run, running = start(), ""
    while not running.startswith("measuring the curve"):
        *_, view, running = next(run)
    *_, _ = run  # the run ends, and the page does not see it
    _, _, chart, said, *_ = JOB.keep(view)
    assert re.fullmatch(r"stopped at the end, after \d+\.\d s", said) and drawn(chart) > 12


def test_before_any_run_there_is_nothing_to_keep():
    assert JOB.keep(None) == [gr.skip()] * 8


def test_after_a_run_the_figures_stay_as_they_are():
    *shown, _, choice, _, _ = JOB.keep(finished())
    assert shown == [gr.skip()] * 4 and len(choice.choices) == 12


def test_the_look_inside_has_every_step_of_the_longest_run_with_its_noise_estimate():
    view = finished(levels="250, 690")
    inside = JOB.keep(view)[4]
    this = RUNS.get(view)
    assert inside["lanes"] == ["x_t: the state", "x_0: the clean estimate", "noise estimate"]
    assert inside["status"] == "the run from t = 690" and inside["run"] == view["run"]
    *steps, last = inside["frames"]
    assert [f["label"].split(" · ")[1] for f in steps] == [f"t = {t}" for t in this.plan.request.visits]
    assert all(len(f["images"]) == 3 for f in inside["frames"])
    grey, end = next(e for e in this.curve if e.method == "one step"), this.found[-1]
    assert (end.t, end.method) == (690, "iterative") and last["label"].endswith(f"x_0 at {end.db:.1f} dB")
    assert all(f["label"].endswith(f"x_0 at {grey.db:.1f} dB") for f in steps), "it is one grey in every step"


def test_with_guidance_the_look_inside_has_both_noise_estimates():
    view = finished(levels="200", stride=50, guidance=3)
    inside = JOB.keep(view)[4]
    assert inside["lanes"][2:4] == ["noise estimate without the prompt", "noise estimate with the prompt"]
    assert [len(f["images"]) for f in inside["frames"]] == [5] * len(inside["frames"])


@pytest.mark.slow
def test_of_a_very_long_run_few_steps_are_looked_into():
    view = finished(levels="999", stride=5)
    assert len(JOB.keep(view)[4]["frames"]) == 61


def test_the_files_hold_the_comparison_every_estimate_and_the_curve():
    view = finished(levels="300")
    *_, whole, everything = JOB.keep(view)
    with Image.open(whole.value["path"]) as sheet:
        assert sheet.width > 9 * 128 and sheet.height > 3 * 128
    this = RUNS.get(view)
    assert this.plan.request == DenoiseRequest((300,), "a “rose” <b>", 1.0, "pocket", 30, 7)
    assert images.settings_of(whole.value["path"]) == json.loads(json.dumps(this.settings))
    with zipfile.ZipFile(everything.value["path"]) as archive:
        names = archive.namelist()
        with Image.open(io.BytesIO(archive.read("t-300-one-step.png"))) as one:
            assert one.size == (64, 64)
        assert archive.read("psnr.csv").startswith(b"t,PSNR in dB,method")
    assert {"comparison.png", "original.png", "t-300-non-local-means.png", "t-300-iterative.png"} <= set(names)
    assert {"iterative-run-t-300.png", "iterative-run-t-150.png", "iterative-run-result.png"} <= set(names)


def test_one_estimate_is_picked():
    view = finished()
    this = RUNS.get(view)
    chosen = next(e for e in this.found if (e.method, e.t) == ("one step", 500))
    np.testing.assert_array_equal(np.asarray(JOB.pick(view, "one step, t = 500")), chosen.pixels)
    for name in ("one step, t = 501", None, ["one step, t = 500"]):
        with pytest.raises(ValueError, match="Choose one of the pictures"):
            JOB.pick(view, name)
    with pytest.raises(ValueError, match="please run again"):
        JOB.pick({"run": "gone"}, "one step, t = 500")


def test_one_timestep_alone_still_has_a_line_in_the_chart(grey):
    *_, (_, compared, _, chart, _, _) = start("300")
    iterative = chart["charts"][0]["series"][-1]
    assert iterative["name"] == "iterative" and iterative["x"] == [100, 200, 300]
    assert places(compared) == 6, "the other two are in the chart alone"
    calls, _ = plan(300).cost()
    assert grey.calls == calls, "they cost no call of their own"


def test_what_was_greyed_is_said_under_the_figures(monkeypatch):
    monkeypatch.setattr(comparison, "observe", lambda recording, model: ("Picture 1: blocked.", "Picture 2: blocked."))
    *_, (_, compared, *_) = start()
    assert "seed 7. Grey: blocked.<" in compared


@pytest.mark.parametrize("moments", [2, 8])
def test_what_was_under_way_at_stop_is_neither_kept_nor_sent(monkeypatch, moments):
    """Before the network's first picture, and after it."""
    monkeypatch.setitem(MODELS, "pocket", replace(MODELS["pocket"], finish=MODELS["if-m"].finish))
    monkeypatch.setattr(comparison, "observe", lambda recording, model: ())
    run = start()
    for _ in range(moments):
        *_, view, _ = next(run)
    with pytest.raises(ValueError, match="still to be checked"):
        JOB.pick(view, "one step, t = 500")
    JOB.keep(view)
    this = RUNS.get(view)
    kept = this.beside, this.iterated, this.states, this.i
    next(run)
    assert (this.beside, this.iterated, this.states, this.i) == kept and bool(this.found) == (moments == 8)


def test_runs_are_forgotten_in_the_end():
    this = RUNS.get(finished())
    some = [replace(this, id=f"comparison-{k}") for k in range(-(-RUNS.most // this.nbytes) + 2)]
    for this in some:
        RUNS.add(this)
    assert RUNS.get({"run": some[-1].id}) is some[-1] and len(some) > 30
    assert JOB.keep({"run": some[0].id}) == [gr.skip()] * 8


def test_a_run_of_another_tab_is_not_kept_here():
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    other = Recording(samples(PictureRequest(n=1)), frames=[Frame(1, 1, -1, pixels, pixels)])
    RUNS.add(other)
    assert JOB.keep({"run": other.id}) == [gr.skip()] * 8
    with pytest.raises(Refused, match="another tab's"):
        JOB.pick({"run": other.id}, "one step, t = 500")


def test_a_picture_is_sent_without_the_prompt_that_need_not_say_what_it_shows():
    assert drawn_from(finished()) == ""
