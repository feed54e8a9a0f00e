"""The sampling tab's larger pictures and presets, its look inside and its cost line, the header's table, without weights."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from pricing import priced

from core.diffusion.samplers import Step
from core.pictures.images import webp
from core.runs import cost
from core.runs.anagrams import AnagramRequest
from core.runs.denoise import DenoiseRequest
from core.runs.enlarging import larger
from core.runs.frame import Frame
from core.runs.hybrids import HybridRequest
from core.runs.inpainting import InpaintRequest, in_turn
from core.runs.interpolation import InterpolationRequest
from core.runs.recording import Recording
from core.runs.sampling import LISTED, PictureRequest
from core.runs.sdedit import SDEditRequest
from tabs.sampling import learned
from tabs.sampling.page import COMPARED, IN_STYLES, JOB, PRESETS, all_presets
from tabs.ui import page as header
from tabs.ui import presets
from tabs.ui.controls import Shared
from tabs.ui.files import saved
from tabs.ui.inside import HALVES, inside, row
from tabs.ui.viewer import face, live, timestep


def plan_of(experiment: str = "samples", **changed):
    """The plan of an experiment, as the tab makes it."""
    return JOB.planned(experiment, PictureRequest("a rose", **changed), {})


@pytest.mark.parametrize("experiment, seed", [("samples", 1234567891), ("guidance-sweep", 1234567890)])
def test_a_picture_is_enlarged_from_its_own_prompt_and_seed(monkeypatch, experiment, seed):
    """Whatever the inputs say by then; stage III too, which gets what stage II made."""
    asked = []

    def enlarge(model, low, prompts, source, **views):
        asked.append((low.shape[-1], prompts, source[0].initial_seed(), views))
        return iter(())

    monkeypatch.setattr("core.runs.enlarging.enlarger", lambda side: {64: "if-ii-m", 256: "x4-upscaler"}[side])
    monkeypatch.setattr("core.runs.enlarging.load", lambda name, device: name)
    monkeypatch.setattr("core.runs.enlarging.named", lambda where: enlarge)
    second = larger(plan_of(experiment, n=4, seed=1234567890), 1, np.zeros((64, 64, 3), np.uint8))
    third = larger(second, 0, np.zeros((256, 256, 3), np.uint8))
    assert [list(plan.run("cpu")) for plan in (second, third)] == [[], []]
    assert asked == [(64, ["a rose"], seed, {}), (256, ["a rose"], seed, {})]
    assert third.caption == f"Picture 2, enlarged by x4-upscaler; seed {seed}." and third.prompts == ["a rose"]
    assert (third.settings()["enlarged"], third.settings()["side"]) == (1, 1024)
    assert third.settings()["prompt"] == "a rose" and third.name == "picture-2-at-1024-pixels"


def test_the_course_s_figures_are_offered_where_deepfloyd_is_ready(monkeypatch):
    assert [*all_presets()] == [*PRESETS, *COMPARED, *IN_STYLES]
    monkeypatch.setattr("core.runs.picture_request.default_model", lambda: "if-m")
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (True, "Ready."))
    drawn = [preset.request for name, preset in all_presets().items() if name not in PRESETS | COMPARED | IN_STYLES]
    assert [(r.n, r.guidance) for r in drawn] == [(5, 1.0), (5, 7.0), (1, 7.0), (1, 7.0), (1, 7.0)]
    assert all(r.model == "if-m" and PictureRequest.checked(**vars(r)) == r for r in drawn)


def test_the_presets_of_the_experiments_are_the_course_s_two_comparisons():
    off_on, steps = (
        JOB.planned(p.experiment, PictureRequest.checked(**vars(p.request)), {}) for p in COMPARED.values()
    )
    assert off_on.scales == (1.0,) * 5 + (5.0,) * 5 and off_on.seeds[:5] == off_on.seeds[5:]
    assert (off_on.columns, len(off_on.down)) == (5, 2)
    assert len(set(steps.down)) == len(steps.down) == 3 and len(set(steps.seeds)) == 1
    assert steps.lengths[: steps.columns] == (2, 4, 8, 12, 20, 50)


def test_the_table_of_models_is_told_anew_when_the_page_opens_and_after_a_download():
    alone = header.alone("A page", lambda shared: None)
    events = [fn for fn in alone.fns.values() if fn.fn is header.models]
    assert sorted(event for fn in events for _, event in fn.targets) == ["load", "then"]


REQUESTS = (DenoiseRequest, InterpolationRequest, SDEditRequest, InpaintRequest, AnagramRequest, HybridRequest)


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_tab_begins_on_the_model_that_was_asked_for(kind, monkeypatch):
    at_start = lambda model: presets.first(kind(), Shared(None, None, None, model))  # noqa: E731
    assert at_start("pocket") == at_start(None) == at_start("ddpm-class") == kind()
    asked = at_start("if-xl")
    assert asked.model == "if-xl" and asked.guidance == (7.0 if kind().guidance > 1 else kind().guidance)
    monkeypatch.setattr(presets, "default_model", lambda: "if-m")
    assert at_start(None) == at_start("ddpm-class") and at_start(None).model == "if-m"
    assert at_start("pocket") == kind()


@pytest.mark.parametrize("negative, first", [("", "without the prompt"), ("a dog", "with the negative prompt")])
def test_the_look_inside_says_what_guidance_leads_away_from(negative, first):
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    parts = dict.fromkeys(("unconditional", "conditional"), pixels)
    made = Recording(plan_of(n=1, negative=negative), frames=[Frame(0, 1, 500, pixels, pixels, parts)])
    assert inside(made, 0)["lanes"][2:4] == [f"noise estimate {first}", "noise estimate with the prompt"]


def test_the_look_inside_enlarges_what_the_prompt_changes():
    """What it adds is light, what it takes away dark, and neither turns round where it is too much."""
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    without, given = ((pixels + np.array(s, np.uint8).reshape(4, 1, 1, 1)) for s in ([100] * 4, [110, 90, 255, 0]))
    parts = dict(zip(HALVES, (without, given), strict=True))
    rows = [row(Frame(0, 1, 500, pixels, pixels, parts), parts, k, True) for k in range(4)]
    assert [[int(p[0, 0, 0]) for p in pictures] for pictures in rows] == [
        [0, 0, 100, 110, 168],
        [0, 0, 100, 90, 88],
        [0, 0, 100, 255, 255],
        [0, 0, 100, 0, 0],
    ]


@pytest.mark.parametrize(
    ("experiment", "changed", "said"),
    [
        ("samples", {}, "guidance 2; seed"),
        ("samples", {"guide_to": 334}, "guidance 2 for t = 999 – 334; seed"),
        ("samples", {"guide_from": 500, "guide_to": 500}, "for t = 500 – 500, where no step falls; seed"),
        ("when-to-guide", {}, "guidance 2 for the t over each picture; seed"),
    ],
)
def test_the_caption_says_where_guidance_was_on(experiment, changed, said):
    assert said in plan_of(experiment, **changed).caption


@pytest.mark.parametrize(
    "changed, said",
    [
        ({}, "; guidance 2; seed"),
        ({"threshold": "dynamic", "top": 1.2}, "; guidance 2; dynamic threshold, quantile 0.95, largest 1.2; seed"),
        ({"threshold": "none"}, "; guidance 2; no threshold; seed"),
    ],
)
def test_the_caption_says_how_the_estimate_was_bounded(changed, said):
    assert said in plan_of(**changed).caption


def test_the_look_inside_says_where_guidance_was_off():
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    for plan, parts, off in (
        (plan_of(n=2), HALVES, [False, False]),
        (plan_of(n=2, guide_to=334), HALVES, [True, True]),
        (plan_of(n=2, guide_to=334), (), [False, False]),
        (plan_of("when-to-guide"), HALVES, [True, True]),
    ):
        frames = [Frame(0, 1, 500, pixels, pixels, dict.fromkeys(parts, pixels)), Frame(1, 1, -1, pixels, pixels)]
        made = Recording(plan, frames=frames)
        assert [("guidance was off" in inside(made, k)["status"]) for k in (0, 1)] == off


def test_the_last_picture_of_when_to_guide_is_guided_throughout():
    plan = plan_of("when-to-guide")
    assert [plan.guidance_is_off_at_times(k) for k in range(plan.count)] == [True, True, True, True, False]


def test_a_run_from_before_a_setting_was_there_is_understood():
    settings = PictureRequest("a rose").settings() | {"experiment": "samples"}
    del settings["guide_from"], settings["guide_to"]
    assert JOB.recalled(settings).request == PictureRequest("a rose") == PictureRequest.restored(settings)


@pytest.fixture
def costs(monkeypatch):
    """The cost line for a request and those of the experiments, every network call at a second; nothing is loaded."""
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (True, "Ready."))
    monkeypatch.setattr(cost, "seconds", lambda model, device, calls, n: calls)
    return lambda **changed: priced(JOB, PictureRequest("a rose", **changed))


def test_the_cost_line_says_that_a_list_decides_the_steps_and_the_step_sweep_still_has_its_cost(costs):
    line, titles = costs(sampler="ddpm")
    assert LISTED not in line and titles["step-sweep"] == "about 100 s"
    line, titles = costs(sampler="ddpm", timesteps="stride30")
    assert line.startswith("34 network calls") and line.endswith(LISTED) and titles["step-sweep"] == "about 100 s"
    _, titles = costs(sampler="dpm-solver", timesteps="stride30")
    assert "about" not in titles["step-sweep"] and titles["guidance-sweep"] == "about 34 s"


def test_a_step_sweep_keeps_what_it_did_not_what_was_chosen():
    plan = plan_of("step-sweep", sampler="ddpm", timesteps="stride30")
    assert plan.settings()["timesteps"] == "even" and plan.settings()["steps_each"] == plan.lengths
    assert plan.lengths == (2, 4, 6, 8, 12, 16, 20, 50, 100) and "2 – 100 steps" in plan.caption
    assert JOB.recalled(plan.settings()) == plan


def stepped(*columns: list[int]) -> list[Step]:
    """Steps whose pictures visit those timesteps, a column each; picture k is grey, darker step by step."""
    rows = torch.tensor(columns).T
    shades = [torch.full((len(columns), 3, 8, 8), 1 - i / 8) for i in range(len(rows))]
    return [Step(i, len(rows) - 1, t, x, x) for i, (t, x) in enumerate(zip(rows, shades, strict=True))]


SWEPT = ([999, 499, -1, -1, -1], [999, 749, 499, 249, -1])


def swept():
    """The plan of two pictures, in 2 and in 4 steps."""
    return replace(plan_of(n=2), steps=(2, 4))


def recording_of(steps: list[Step], plan) -> Recording:
    """What is kept of a run."""
    recording = Recording(plan)
    assert list(recording.follow(steps)) == steps
    return recording


def test_a_label_names_every_timestep_where_the_pictures_differ(monkeypatch):
    monkeypatch.setattr("tabs.ui.viewer.PREVIEW_SECONDS", -1)
    recording = Recording(swept())
    *running, end = live(recording, recording.follow(stepped(*SWEPT)), face(recording.plan))
    labels = [
        "step 1 / 4 · t = 999",
        "step 2 / 4 · t = 499 – 749",
        "step 3 / 4 · t = 499 · 1 of 2 done",
        "step 4 / 4 · t = 249 · 1 of 2 done",
        "result · up to 4 steps",
    ]
    assert [value["frames"][0]["label"] for value in running] == labels[:-1]
    assert [value["status"].partition(" · 0 s left")[0] for value in running] == labels[:-1]
    assert [frame["label"] for frame in end["frames"]] == labels


def test_the_look_inside_has_the_picture_s_own_steps():
    recording = recording_of(stepped(*SWEPT), swept())
    own = [[frame["label"] for frame in inside(recording, k)["frames"]] for k in (0, 1)]
    assert own[0] == ["step 1 / 2 · t = 999", "step 2 / 2 · t = 499", "result · 2 steps"]
    assert own[1] == [*(f"step {i} / 4 · t = {t}" for i, t in enumerate((999, 749, 499, 249), 1)), "result · 4 steps"]
    assert [f.x_0 is g.x_0 for f, g in zip(recording.own(0), recording.frames, strict=False)] == [True] * 3
    recording.frames = recording.frames[:4]
    assert len(recording.own(0)) == 3 and len(recording.own(1)) == 4, "it was stopped"


def test_runs_whose_pictures_join_one_after_the_other_are_labelled_by_those_under_way():
    """SDEdit's pictures wait at their own level, the original at -1; of fillings in turn, all have the one's under way."""
    ladder = stepped([960, 930, 900, -1], [900, 900, 900, -1], [-1] * 4)
    x = torch.zeros(1, 3, 8, 8)
    turns = list(in_turn([iter(stepped([999, 499, -1])), iter(stepped([999, -1]))], [2, 1], x))
    for steps, t in ((ladder, [960, 930, 900]), (turns, [999, 499, 999])):
        recording = recording_of(steps, plan_of(n=3, steps=3))
        expected = [*(f"step {i} / 3 · t = {level}" for i, level in enumerate(t, 1)), "result · 3 steps"]
        assert [timestep(recording.plan, frame) for frame in recording.frames] == expected
        assert [frame["label"] for frame in inside(recording, 0)["frames"]] == expected


def test_the_files_of_when_to_guide_say_when():
    pixels = np.zeros((5, 64, 64, 3), np.uint8)
    made = Recording(plan_of("when-to-guide"), frames=[Frame(1, 1, -1, pixels, pixels)], notes=())
    *_, bundle = saved(made, {"caption": ""}, b"")
    with zipfile.ZipFile(bundle.value["path"]) as files:
        names = [name for name in files.namelist() if name[0].isdigit()]
    assert names[:2] == [
        "01-seed-180-guidance-2-off-steps-30.png",
        "02-seed-180-guidance-2-from-999-to-667-steps-30.png",
    ]


def test_how_pocket_learned_is_a_row_per_state_that_was_kept(monkeypatch, tmp_path):
    runs = [{"pictures_seen": n, "seconds": 60} for n in (10, 20, 30)]
    runs[2]["note"] = "wider"
    about = {"history": runs, "samples": ["an emoji of a rose", "a photo of a lemon"]}
    monkeypatch.setattr(learned, "card", lambda name: about)
    monkeypatch.setattr(learned, "availability", lambda name: (True, "Ready."))
    monkeypatch.setattr(learned, "CHECKPOINTS", tmp_path)
    assert learned.how_pocket_learned() == "This checkpoint keeps no samples of its training."
    (tmp_path / "pocket").mkdir()
    for seen in (10, 60):
        row = np.full((64, 128, 3), seen, np.uint8)
        row[:, 64:] += 100
        (tmp_path / "pocket" / f"after-{seen}.webp").write_bytes(webp(row))
    left, right = learned.pieces(tmp_path / "pocket" / "after-60.webp")
    assert left.shape == (64, 64, 3) and abs(left.mean() - 60) < 5 and abs(right.mean() - 160) < 5
    (tmp_path / "pocket" / "after-30.webp").write_text("damaged")
    shown = learned.how_pocket_learned()
    assert shown.count("<img") == 4 and "10 pictures, 1 min" in shown and "60 pictures, 3 min" in shown
    assert (
        "At 60 pictures: wider." in shown
        and ">emoji of a rose<" in shown
        and "photo of a lemon, after 60 pictures" in shown
    )
