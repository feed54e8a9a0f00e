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
import torch
from PIL import Image

from core.checks import Refused
from core.diffusion.denoiser import Prediction
from core.diffusion.guidance import bounded
from core.diffusion.noise import branch, generator
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.models.registry import MODELS, availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs import denoise as denoising
from core.runs.denoise import FILTERED, DenoiseRequest, timesteps_of
from core.techniques.filters import noised, strided
from tabs import make_examples
from tabs.denoise import job as _denoise
from tabs.denoise.figures import points
from tabs.denoise.job import COMPARISONS, Comparison, keep, pick, restore, run
from tabs.ui.examples import example
from tabs.ui.inputs import Picture

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


class Grey:
    """A denoiser that takes every picture for an even grey, and counts its calls."""

    schedule, shape, device, calls = Schedule.cosine(1000), (3, 64, 64), torch.device("cpu"), 0

    def encode(self, prompts):
        """Nothing to encode."""
        return torch.zeros(len(prompts), 1)

    def predict(self, x_t, t, cond):
        """Grey, and the noise that goes with it."""
        self.calls += 1
        s = self.schedule.at(t, x_t)[1]
        return Prediction(torch.zeros_like(x_t), x_t / s)


class Half(Grey):
    """A denoiser whose result hangs on the noise that was added on the way."""

    def predict(self, x_t, t, cond):
        """Half the state."""
        return Prediction(x_t / 2, x_t / 2)


@pytest.fixture(autouse=True)
def grey(monkeypatch):
    """That denoiser in place of every model, and no filter that takes its time."""
    toy = Grey()
    monkeypatch.setattr(denoising, "load", lambda name, device: toy)
    for name in ("best_blur", "best_median"):
        monkeypatch.setattr(denoising, name, lambda noisy, clean: (noisy, [1.0] * len(noisy)))
    monkeypatch.setattr(denoising, "best_non_local_means", lambda noisy, clean, sigma: (noisy, [1.0] * len(noisy)))
    monkeypatch.setattr(_denoise, "PREVIEW_SECONDS", 0.0)
    return toy


def start(levels="250, 500", stride=30, filtered="scaled"):
    """A run on the mountains."""
    return run(mountains(), levels, "a “rose” <b>", 1, "pocket", stride, 7, filtered, "cpu")


def clean() -> torch.Tensor:
    """The mountains as the network sees them."""
    return images.from_uint8(np.asarray(mountains().resize((64, 64)))[None], -1, 1)


def places(figure: str) -> int:
    """Pictures and empty places in a figure."""
    return figure.count("<img") + figure.count('class="place"')


def finished(**settings) -> dict:
    """The view of a finished run."""
    *_, (*_, view, _) = start(**settings)
    return view


def test_every_place_is_there_from_the_first_moment():
    values = list(start("690, 250"))
    for forward, compared, strip, *_ in values:
        assert isinstance(forward, dict) or places(forward) == 9
        assert places(compared) == 12
        assert places(strip) == len(DenoiseRequest((690,)).shown) == 6
    assert values[0][1].count("<img") == values[0][2].count("<img") == 0
    assert "place" not in values[-1][1] + values[-1][2]
    assert "t = 690" in values[0][2] and "t = 540" in values[0][2] and "result" in values[0][2]


def test_a_run_clears_the_chart_and_fills_it_at_its_end():
    charts = [value[3] for value in start()]
    assert charts[0].empty and list(charts[0].columns) == ["t", "PSNR in dB", "method"]
    drawn = [chart for chart in charts if not isinstance(chart, dict) and not chart.empty]
    assert len(drawn) == 1 and drawn[0] is charts[-1]


def test_the_caption_names_everything_and_is_escaped():
    *_, (_, compared, *_) = start(stride=60)
    assert "pocket: “a “rose” &lt;b&gt;”; guidance 1; stride 60; seed 7.<" in compared


@pytest.mark.parametrize(
    ("moments", "status"), [(1, "stopped before the first step"), (3, "stopped before the first step"), (8, None)]
)
def test_stop_keeps_what_exists_and_says_so(moments, status):
    job = start()
    for _ in range(moments):
        *_, view, running = next(job)
    job.close()
    compared, strip, chart, said, inside, choice, *files = keep(view)
    (this,) = COMPARISONS.get(view)
    step = running.removeprefix("iterating, step ").partition(" /")[0]
    assert said == (status or f"stopped at step {step} / 17")
    assert status or int(step) == this.now.i == 4
    assert len(chart) == len(this.now.found)
    assert this.caption().endswith(f"seed 7. {said.capitalize()}.") and this.caption() in html.unescape(compared)
    assert compared.count("<img") == len(this.now.found) and places(compared) == 12
    assert strip.count("<img") == len(this.now.states) == (1 if moments == 8 else 0)
    assert all(button.interactive for button in files)
    assert moments < 8 or choice.value == "iterative, t = 500"
    assert len(inside.get("frames", [])) == (this.now.i + 1 if moments == 8 else 0)


def test_stop_while_the_curve_is_measured_is_told_and_the_chart_shows_what_there_is():
    job, running = start(), ""
    while not running.startswith("measuring the curve"):
        *_, view, running = next(job)
    _, _, chart, said, inside, *_ = keep(view)
    assert len(inside["frames"]) == 18
    assert said == "stopped before the curve was measured" and len(chart) == 12
    *_, _ = job  # the step under way ends, and adds nothing to what was kept
    _, _, chart, again, *_ = keep(view)
    assert again == said and len(chart) == 12


def test_stop_that_comes_too_late_is_told_and_the_chart_is_whole():
    job, running = start(), ""
    while not running.startswith("measuring the curve"):
        *_, view, running = next(job)
    *_, _ = job  # the run ends, and the page does not see it
    _, _, chart, said, *_ = keep(view)
    assert re.fullmatch(r"stopped at the end, after \d+\.\d s", said) and len(chart) > 12


def test_a_level_gives_the_same_alone_as_in_a_list(monkeypatch):
    monkeypatch.setattr(denoising, "load", lambda name, device: Half())

    def ends(*levels):
        *_, last = denoising.Denoising(DenoiseRequest(levels), clean(), "cpu").iterate()
        return dict(zip(DenoiseRequest(levels).runs, last.x_t, strict=True))

    torch.testing.assert_close(ends(250, 500, 750)[500], ends(500)[500])
    assert not torch.equal(ends(250, 500)[250], ends(250, 500)[500])


def test_an_iterative_run_is_the_ddpm_posterior_with_noise_of_its_own(monkeypatch):
    monkeypatch.setattr(denoising, "load", lambda name, device: Half())
    *_, found = denoising.Denoising(DenoiseRequest((250, 500)), clean(), "cpu").iterate()
    for level, end in zip((250, 500), found.x_t, strict=True):
        x_t, source = noised(Half.schedule, clean()[0], [level], 180), generator(branch(180, level))
        visits = visits_together(strided(level), 1)
        *_, alone = ddim(bounded(Half()), x_t, visits, torch.zeros(1, 1), source, 1.0)
        torch.testing.assert_close(end, alone.x_t[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("filtered", FILTERED)
def test_every_filter_gets_what_was_asked_for_and_the_clean_picture(monkeypatch, filtered):
    given = []

    def leave(*what):
        given.append(what)
        return what[0], [1.0] * len(what[0])

    for name in ("best_blur", "best_median", "best_non_local_means"):
        monkeypatch.setattr(denoising, name, leave)
    levels = [250, 700]
    estimates = denoising.Denoising(DenoiseRequest(filtered=filtered), clean(), "cpu").classical(levels)
    assert [e.method for e in estimates[::2]] == ["noisy", "Gaussian blur", "median", "non-local means"]
    x_t, s = noised(Grey.schedule, clean()[0], levels, 180), Grey.schedule.s[levels]
    by = Grey.schedule.a[levels] if filtered == "scaled" else torch.ones(2, dtype=s.dtype)
    for noisy, beside, *_ in given:
        torch.testing.assert_close(noisy, (x_t / by.view(-1, 1, 1, 1)).float())
        assert torch.equal(beside, clean().expand_as(x_t))
    assert [len(what) for what in given] == [2, 2, 3]
    torch.testing.assert_close(given[-1][-1], (s / by).float())


def test_what_the_filters_get_changes_them_alone_and_is_said():
    (scaled,), (as_it_is,) = (COMPARISONS.get(finished(filtered=f)) for f in FILTERED)
    for one, other in zip(scaled.now.found, as_it_is.now.found, strict=True):
        assert (one.db == other.db) == (one.method in ("noisy", "one step", "iterative")), one.method
    assert "filters get x_t as it is" in as_it_is.caption() and "filters" not in scaled.caption()


def test_before_any_run_there_is_nothing_to_keep():
    assert keep(None) == [gr.skip()] * 8


def test_after_a_run_the_figures_stay_as_they_are():
    *shown, _, choice, _, _ = keep(finished())
    assert shown == [gr.skip()] * 4 and len(choice.choices) == 12


def test_the_look_inside_has_every_step_of_the_longest_run_with_its_noise_estimate():
    view = finished(levels="250, 690")
    inside = keep(view)[4]
    (this,) = COMPARISONS.get(view)
    assert inside["lanes"] == ["x_t: the state", "x_0: the clean estimate", "noise estimate"]
    assert inside["status"] == "the run from t = 690" and inside["run"] == view["run"]
    *steps, last = inside["frames"]
    assert [f["label"].split(" · ")[1] for f in steps] == [f"t = {t}" for t in this.request.visits]
    assert all(len(f["images"]) == 3 for f in inside["frames"])
    grey, end = next(e for e in this.now.curve if e.method == "one step"), this.now.found[-1]
    assert (end.t, end.method) == (690, "iterative") and last["label"].endswith(f"x_0 at {end.db:.1f} dB")
    assert all(f["label"].endswith(f"x_0 at {grey.db:.1f} dB") for f in steps), "it is one grey in every step"
    frame = this.inside.frames[3]  # what it shows belongs together: x_t = a x_0 + s eps
    a, s = (float(level) for level in Grey.schedule.at(torch.tensor([frame.t]), torch.zeros(1, 1, 1, 1)))
    unclipped = (frame.x_t > 0) & (frame.x_t < 255)
    made = (a * (frame.x_0 / 127.5 - 1) + s * (frame.parts[""] / 42.5 - 3) + 1) * 127.5
    assert np.abs(made - frame.x_t)[unclipped].max() < 4


def test_with_guidance_the_look_inside_has_both_noise_estimates(monkeypatch):
    *_, (*_, view, _) = run(mountains(), "200", "a rose", 3, "pocket", 50, 7, "scaled", "cpu")
    inside = keep(view)[4]
    assert inside["lanes"][2:4] == ["noise estimate without the prompt", "noise estimate with the prompt"]
    assert [len(f["images"]) for f in inside["frames"]] == [5] * len(inside["frames"])


def test_of_a_very_long_run_few_steps_are_looked_into():
    view = finished(levels="999", stride=5)
    assert len(keep(view)[4]["frames"]) == 61


def test_the_files_hold_the_comparison_every_estimate_and_the_curve():
    view = finished(levels="300")
    *_, whole, everything = keep(view)
    with Image.open(whole.value["path"]) as sheet:
        assert sheet.width > 9 * 128 and sheet.height > 3 * 128
    (this,) = COMPARISONS.get(view)
    assert this.request == DenoiseRequest((300,), "a “rose” <b>", 1.0, "pocket", 30, 7)
    assert images.settings_of(whole.value["path"]) == json.loads(json.dumps(this.settings()))
    with zipfile.ZipFile(everything.value["path"]) as archive:
        names = archive.namelist()
        with Image.open(io.BytesIO(archive.read("t-300-one-step.png"))) as one:
            assert one.size == (64, 64)
        assert archive.read("psnr.csv").startswith(b"t,PSNR in dB,method")
    assert {"comparison.png", "original.png", "t-300-non-local-means.png", "t-300-iterative.png"} <= set(names)
    assert {"iterative-run-t-300.png", "iterative-run-t-150.png", "iterative-run-result.png"} <= set(names)


def test_a_saved_picture_brings_everything_back():
    view = finished(levels="400, 300", stride=60, filtered="as-it-is")
    *_, whole, _ = keep(view)
    original, *values = restore(whole.value["path"])
    (this,) = COMPARISONS.get(view)
    np.testing.assert_array_equal(np.asarray(original), this.original)
    assert values == ["400, 300", "a “rose” <b>", 1.0, "pocket", 60, 7, "as-it-is"]


@pytest.mark.parametrize("bad", [{"levels": {}}, {"levels": [0]}, {"original": "x"}, {"original": None}, {"seed": "s"}])
def test_damaged_settings_get_one_sentence(tmp_path, bad):
    settings = Comparison(DenoiseRequest(), np.zeros((64, 64, 3), np.uint8), []).settings() | bad
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), settings))
    with pytest.raises(gr.Error):
        restore(str(tmp_path / "saved.png"))


def test_one_estimate_is_picked():
    view = finished()
    (this,) = COMPARISONS.get(view)
    chosen = next(e for e in this.now.found if (e.method, e.t) == ("one step", 500))
    np.testing.assert_array_equal(np.asarray(pick(view, "one step, t = 500")), chosen.pixels)
    for name in ("one step, t = 501", None, ["one step, t = 500"]):
        with pytest.raises(ValueError, match="Choose one of the pictures"):
            pick(view, name)
    with pytest.raises(ValueError, match="please run again"):
        pick({"run": "gone"}, "one step, t = 500")


def test_one_timestep_alone_still_has_a_line_in_the_chart(grey):
    *_, (_, compared, _, chart, _, _) = start("300")
    iterative = chart[chart["method"] == "iterative"]
    assert iterative["t"].tolist() == [100, 200, 300]
    assert places(compared) == 6, "the other two are in the chart alone"
    calls, _ = DenoiseRequest((300,)).cost()
    assert grey.calls == calls, "they cost no call of their own"


def test_a_long_run_shows_few_of_its_steps():
    for stride in range(5, 205, 5):
        for top in (1, 250, 690, 999):
            r = DenoiseRequest((top,), stride=stride)
            assert r.shown[0] == 0 and r.shown[-1] == len(r.visits) and len(r.shown) <= 11
            assert len(set(r.shown)) == len(r.shown)


def test_timesteps_come_as_text_or_as_a_list():
    assert timesteps_of([250, 500]) == timesteps_of("250; 500") == (250, 500)


@pytest.mark.parametrize("twice", ["500, 500", "250, 500, 250.0", [1, 1]])
def test_a_timestep_that_is_given_twice_is_refused(twice):
    with pytest.raises(Refused, match="Every timestep t may be given only once"):
        timesteps_of(twice)


def test_the_networks_pictures_are_checked_and_marked_once(monkeypatch):
    asked = []

    def observe(recording, model):
        asked.append(model)
        recording.frames[-1].x_0[:] = 1
        return "Picture 1: blocked.", "Picture 2: blocked."

    monkeypatch.setattr(_denoise, "observe", observe)
    *_, (_, compared, _, _, view, _) = start()
    assert "seed 7. Grey: blocked.<" in compared
    keep(view)
    (this,) = COMPARISONS.get(view)
    assert asked == ["pocket", "pocket"], "the look inside, and the figures"
    assert (this.inside.result == 1).all()
    for e in this.now.found:
        assert (e.pixels == 1).all() == (e.method in ("one step", "iterative"))
    assert all((state == 1).all() for state in this.now.states)


@pytest.mark.parametrize("moments", [2, 8])
def test_what_was_under_way_at_stop_is_neither_kept_nor_sent(monkeypatch, moments):
    """Before the network's first picture, and after it."""
    monkeypatch.setitem(MODELS, "pocket", replace(MODELS["pocket"], finish=MODELS["if-m"].finish))
    monkeypatch.setattr(_denoise, "observe", lambda recording, model: ())
    job = start()
    for _ in range(moments):
        *_, view, _ = next(job)
    with pytest.raises(ValueError, match="still to be checked"):
        pick(view, "one step, t = 500")
    keep(view)
    (this,) = COMPARISONS.get(view)
    kept = this.now
    next(job)
    assert this.now is kept and bool(kept.found) == (moments == 8)


def test_runs_are_forgotten_in_the_end():
    run_ = finished()
    (this,) = COMPARISONS.get(run_)
    assert 500_000 < this.nbytes < 3_000_000, "a class has room"
    some = [replace(this, id=f"comparison-{k}") for k in range(-(-COMPARISONS.most // this.nbytes) + 2)]
    for this in some:
        COMPARISONS.add(this)
    assert COMPARISONS.get({"run": some[-1].id}) == (some[-1],) and len(some) > 30
    assert keep({"run": some[0].id}) == [gr.skip()] * 8


# ---- the input ------------------------------------------------------------------------------------------------------


def sent(path):
    """A file as the page sends it."""
    return Picture.data_model(path=str(path), orig_name=path.name)


@pytest.mark.parametrize("kind", ["text", "cut png", "cut jpeg"])
def test_a_file_that_is_no_picture_is_told_in_one_sentence(tmp_path, kind):
    path = tmp_path / ("bad.jpg" if kind == "cut jpeg" else "bad.png")
    mountains().save(path)
    path.write_bytes(b"no picture" if kind == "text" else path.read_bytes()[:4000])
    with pytest.raises(gr.Error, match="This file is not a picture that can be read") as told:
        Picture(type="pil", image_mode=None).preprocess(sent(path))
    assert not told.value.print_exception


def test_a_picture_of_54_million_pixels_is_shrunk_and_a_larger_one_refused(tmp_path, monkeypatch):
    Image.new("L", (9000, 6000), 200).save(tmp_path / "large.png")
    component = Picture(type="pil", image_mode=None, format="png")
    picture = component.preprocess(sent(tmp_path / "large.png"))
    assert picture.width * picture.height <= images.LARGE
    with Image.open(component.postprocess(picture).path) as shown:
        assert shown.size == (512, 512)
    monkeypatch.setattr(images, "MAX_PIXELS", 50_000_000)
    with pytest.raises(gr.Error, match="million pixels; please shrink it first"):
        component.preprocess(sent(tmp_path / "large.png"))


def test_a_picture_is_shown_square_and_crisp(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    component = Picture(type="pil", image_mode=None, format="png")
    with Image.open(component.postprocess(images.to_pil(pixels)).path) as large:
        np.testing.assert_array_equal(np.asarray(large), images.enlarge(pixels, 8))
        np.testing.assert_array_equal(_denoise.pixels_of(large), pixels)
    with Image.open(component.postprocess(mountains().resize((900, 300))).path) as square:
        assert square.size == (512, 512)
    assert component.postprocess(None) is None and component.preprocess(None) is None


# ---- the example ----------------------------------------------------------------------------------------------------


def test_the_example_is_finished_and_has_its_chart():
    shown = example("denoise")
    chart = points(shown["chart"])
    assert set(chart["method"]) == set(denoising.METHODS) and len(chart) > 60
    assert "place" not in shown["compared"] + shown["steps"]
    assert places(shown["steps"]) == len(DenoiseRequest().shown)
    assert len(shown["inside"]["frames"]) == 6 and "result" in shown["inside"]["frames"][-1]["label"]


def test_an_example_can_be_made_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(make_examples, "FOLDER", tmp_path)
    make_examples.main(["denoise"])
    assert [path.name for path in tmp_path.iterdir()] == ["denoise.json"]
    made = json.loads((tmp_path / "denoise.json").read_text())
    assert set(made) == {"forward", "compared", "steps", "chart", "inside"} and places(made["compared"]) == 18
    assert len(points(made["chart"])) == 5 * len(denoising.CURVE) + 3


@pytest.mark.parametrize(("here", "learns"), [(["pocket", "ddpm-class"], 1), (["ddpm-class on cuda"], 0)])
def test_a_run_that_brought_its_model_teaches_the_cost_line_nothing(monkeypatch, here, learns):
    learnt = []
    monkeypatch.setattr(_denoise, "loaded", lambda: here)
    monkeypatch.setattr(_denoise.cost, "learn", lambda *args: learnt.append(args))
    list(start("200", 100))
    assert len(learnt) == learns
