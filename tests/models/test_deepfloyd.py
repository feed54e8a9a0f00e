"""DeepFloyd's prompt bank, text encoder, memory, safety checker and watermark, on a tiny one with random weights."""

import gc
import threading
from dataclasses import replace

import diffusers
import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from tiny_if import REVISION, SIZE
from toys import played

from core.checks import ModelError
from core.diffusion.noise import generator, randn
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.timestep_lists import TIMESTEP_LISTS, timestep_list
from core.diffusion.visits import visits_together
from core.models import registry
from core.models.checkpoint import CHECKPOINT
from core.models.deepfloyd import encode, hub, sampling, upscaler
from core.models.deepfloyd import safety as finish
from core.models.deepfloyd import stages as deepfloyd
from core.models.deepfloyd import text_encoder as t5
from core.models.deepfloyd.encode import COURSE_PROMPTS, read_prompts
from core.models.deepfloyd.prompt_bank import PromptBank
from core.runs.anagrams import AnagramRequest, Anagrams
from core.runs.hybrids import HybridRequest, Hybrids
from core.runs.licence import observe
from core.runs.prompts import left_out, remarks, unread
from core.runs.recording import Recording
from core.runs.sampling import PLANS, PictureRequest, samples
from core.runs.sdedit import LADDERS, SDEditRequest
from tabs.denoise import job as denoise
from tabs.sampling.page import JOB
from tabs.ui.viewer import RUNS as RUNS_OF_THE_PAGE

CPU = torch.device("cpu")
DOG = "a photo of a dog"
FIRST = hub.REPOSITORIES["if-m"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_if_here")]


@pytest.fixture
def empty_bank(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPT_BANK", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_t5(monkeypatch):
    """T5 must not be loaded."""

    def fail(*_):
        raise AssertionError("T5 was loaded")

    monkeypatch.setattr(t5, "load_t5", fail)


def text(folder=None):
    return t5.Text(FIRST, hub.snapshot(FIRST.id), folder)


def last(steps):
    *_, step = steps
    return step.x_t


# ---- Text ----


def test_embeddings_are_those_of_the_pipeline(empty_bank):
    """In float16, as they are kept; the pipeline lowers and strips the prompt, and pads it to 77 tokens."""
    prompts = ["  A Photo of a dog ", "", "rocket ship"]
    ours = text().encode([prompts[0], None, prompts[2]], CPU, torch.float32)
    pipe = diffusers.IFPipeline.from_pretrained(
        hub.snapshot(FIRST.id), unet=None, safety_checker=None, dtype=torch.float32
    )
    theirs, _ = pipe.encode_prompt(prompts, do_classifier_free_guidance=False, device="cpu")
    assert ours.shape == (3, 77, 32)
    assert torch.equal(ours, theirs.half().float())


def test_a_known_prompt_does_not_load_t5(empty_bank, no_t5):
    bank = text().bank
    rows = randn((2, 77, 32), generator(1)).half()
    bank.put(DOG, rows[0])
    bank.put(None, rows[1])
    assert torch.equal(text().encode([None, DOG.upper(), DOG], CPU, torch.float16), rows[[1, 0, 0]])
    with pytest.raises(AssertionError, match="T5 was loaded"):
        text().encode(["a cat"], CPU, torch.float16)


def test_a_whole_run_with_guidance_needs_no_t5_when_the_bank_is_full(empty_bank, no_t5):
    model = deepfloyd.load("if-m", CPU)
    for prompt in (DOG, "blurry"):
        model.text.bank.put(prompt, randn((77, 32), generator(len(prompt))))
    settings = sampling.Settings(negative="blurry")
    assert last(sampling.sample(model, [DOG], [500, 0], generator(1), settings)).isfinite().all()


def test_prompts_are_kept_apart_by_model_revision_and_text(tmp_path):
    keys = [("a/b", "1", "x"), ("a/c", "1", "x"), ("a/b", "2", "x"), ("a/b", "1", "y"), ("a/b", "1", "")]
    paths = {PromptBank(model, revision, tmp_path).path(prompt) for model, revision, prompt in keys}
    assert len(paths) == len(keys)


def test_a_damaged_file_is_written_again(empty_bank):
    before = text().encode([DOG], CPU, torch.float32)
    path = text().bank.path(DOG)
    path.write_bytes(path.read_bytes()[:100])
    assert text().bank.get(DOG) is None
    assert torch.equal(text().encode([DOG], CPU, torch.float32), before)
    assert [file.suffix for file in empty_bank.iterdir()] == [".safetensors"]


def test_what_the_text_encoder_does_not_read_is_kept_with_the_prompt(empty_bank):
    long = " ".join(["dog"] * 76 + ["rocket", "ship"])
    model = text()
    model.prepare([long, DOG, "dog 🚀 狗"])
    assert model.bank.remarks(long) == ["The text encoder reads 76 tokens; cut off: rocket ship."]
    assert model.bank.remarks("dog 🚀 狗") == ["The text encoder does not know 2 pieces of this prompt."]
    assert model.bank.remarks(DOG) == model.bank.remarks("never seen") == []


@pytest.mark.parametrize("prompt", ["🚀🚀", "一只狗", "a\x00b", "x" * 5000, "\n"])
def test_any_prompt_can_be_encoded(empty_bank, prompt):
    assert text().encode([prompt], CPU, torch.float32).isfinite().all()


def test_embeddings_that_are_not_finite_are_not_kept(tmp_path):
    bank = PromptBank("a/b", "1", tmp_path)
    with pytest.raises(ValueError, match="not finite"):
        bank.put(DOG, torch.full((77, 32), 1e6))
    assert bank.get(DOG) is None


def test_without_t5_a_new_prompt_says_what_to_do(empty_bank, monkeypatch):
    monkeypatch.setattr(hub, "missing", lambda repository, parts: list(parts) if parts == hub.TEXT else [])
    with pytest.raises(ModelError, match="'a cat' is not in the prompt bank"):
        text().encode(["a cat"], CPU, torch.float32)


@pytest.mark.parametrize(
    "device, gpu, ram, eight_bit, expected",
    [
        ("cuda", 22.0, 60.0, True, ("cuda", "bf16")),
        ("cuda", 9.0, 60.0, True, ("cuda", "8bit")),
        ("cuda", 9.0, 60.0, False, ("cpu", "fp32")),
        ("cuda", 6.0, 13.0, True, ("cpu", "bf16")),
        ("cpu", 0.0, 60.0, True, ("cpu", "fp32")),
        ("mps", 30.0, 30.0, True, ("mps", "bf16")),
    ],
)
def test_t5_goes_where_there_is_room(device, gpu, ram, eight_bit, expected):
    assert t5.plan(device, gpu, ram, eight_bit) == t5.Plan(*expected)
    assert t5.plan(device, gpu, ram, eight_bit, "cpu-bf16") == t5.Plan("cpu", "bf16")


def test_t5_that_fits_nowhere_is_said():
    with pytest.raises(ModelError, match=r"takes 10.5 GB and there are 6 on the GPU and 4 in memory"):
        t5.plan("cuda", 6.0, 4.0, False)
    with pytest.raises(ModelError, match="T5_PLAN must be one of"):
        t5.plan("cuda", 60.0, 60.0, False, "attic")


RUNS = {
    "pictures": lambda: PLANS["samples"](
        PictureRequest(DOG, "blurry", n=2, model="if-m", steps=2, threshold="dynamic")
    ).run("cpu"),
    "anagram": lambda: Anagrams(request=AnagramRequest(model="if-m", n=1, steps=2)).run("cpu"),
    "hybrid": lambda: Hybrids(request=HybridRequest(model="if-m", n=1, steps=2)).run("cpu"),
    "edits": lambda: replace(
        LADDERS["ladder"](SDEditRequest(model="if-m", starts="30")),
        inputs={"original": np.full((SIZE, SIZE, 3), 128, np.uint8)},
    ).run("cpu"),
    "stage II": lambda: sampling.super_resolve(
        deepfloyd.load("if-ii-m", CPU), torch.zeros(1, 3, 8, 8), [DOG], [500, 0], generator(1)
    ),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_run_with_new_prompts_visits_t5_once_and_has_the_device_to_itself(empty_bank, monkeypatch, run):
    visits, load_t5, model = [], t5.load_t5, deepfloyd.load("if-m", CPU)
    model.net.eval()
    upscaler.load("x4-upscaler", CPU)

    def load(*args):
        visits.append(model._net is None and not upscaler._pipes)
        return load_t5(*args)

    monkeypatch.setattr(t5, "load_t5", load)
    assert last(RUNS[run]()).isfinite().all()
    assert visits == [True]


def test_what_a_prompt_needs_is_told_without_loading_anything(empty_bank, monkeypatch):
    long = " ".join(["dog"] * 76 + ["rocket", "ship"])
    assert unread("if-m", [long, ""]) == unread("if-ii-m", [long]) == ["", long]
    assert unread("pocket", [long]) == unread("x4-upscaler", [long]) == unread("if-m", []) == []
    text().prepare(["", long])
    for kind in (deepfloyd, upscaler):
        monkeypatch.setattr(kind, "load", None)
    monkeypatch.setattr(CHECKPOINT, "load", None)
    assert unread("if-m", [long]) == []
    sentence = "The text encoder reads 76 tokens; cut off: rocket ship."
    assert remarks("if-m", long) == left_out("if-m", [long, "", DOG]) == [sentence]
    assert left_out("x4-upscaler", [long]) == left_out("pocket", ["xyzzy"]) == []
    assert "xyzzy" in remarks("pocket", "xyzzy")[0]


def test_t5_is_gone_before_the_network_comes(empty_bank):
    deepfloyd.load("if-m", CPU).encode([DOG])
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o).__name__ == "T5EncoderModel"]


def test_the_course_s_prompts_are_listed():
    lines = read_prompts(COURSE_PROMPTS)
    assert (len(lines), lines[0]) == (14, "")
    assert {"a high quality photo", "a photo of the amalfi cost", "a pencil"} < set(lines)


def test_the_command_adds_the_tokens_to_what_was_encoded_without_them(empty_bank, tmp_path, capsys, no_t5):
    bank, rows = text().bank, randn((2, 77, 32), generator(1)).half()
    bank.put("", rows[0])
    bank.put(DOG, rows[1], ["a remark"])
    assert bank.pieces(DOG) == []
    file = tmp_path / "prompts.txt"
    file.write_text(DOG)
    assert encode.main([str(file), "if-m"]) == 0
    assert capsys.readouterr().out.count("known") == 2
    assert bank.pieces(DOG) == ["▁a", "▁photo", "▁of", "▁a", "▁dog", "</s>"] and bank.pieces("") == ["</s>"]
    assert torch.equal(bank.get(DOG), rows[1]) and bank.remarks(DOG) == ["a remark"]


def test_the_command_encodes_each_prompt_once(empty_bank, tmp_path, capsys):
    file = tmp_path / "prompts.txt"
    file.write_text(f"{DOG}\n\n{DOG}\nrocket ship\n")
    assert encode.main([str(file), "if-m"]) == 0
    assert capsys.readouterr().out.split("\n")[:3] == ["encoded  ''", f"encoded  {DOG!r}", "encoded  'rocket ship'"]
    assert encode.main([str(file), "if-m"]) == 0
    assert capsys.readouterr().out.count("known") == 3
    assert encode.main([str(file)]) == 1
    assert "no text encoder of 'if-xl'" in capsys.readouterr().err
    assert encode.main([str(file) + "x", "if-m"]) == 1
    assert encode.main([]) == 2


# ---- Network ----


def test_the_network_is_loaded_by_its_first_call_and_only_once():
    model = deepfloyd.load("if-m", CPU)
    assert deepfloyd.load("if-m", CPU) is model is registry.load("if-m", "cpu")
    assert model._net is None
    cond = model.encode([DOG])
    model.predict(torch.zeros(1, *model.shape), torch.tensor([500]), cond)
    net = model._net
    p = model.predict(torch.zeros(1, *model.shape), torch.tensor([500]), cond)
    assert model._net is net
    assert (p.x_0.shape, p.eps.shape, p.v.shape) == ((1, 3, SIZE, SIZE),) * 3
    assert model.shape == (3, SIZE, SIZE) and model.text.bank.revision == REVISION


def test_eps_and_v_are_the_two_halves_of_the_output():
    model, x, t = deepfloyd.load("if-m", CPU), randn((2, 3, SIZE, SIZE), generator(1)), torch.tensor([900, 20])
    cond = model.encode([DOG, None])
    out = model.net(x, t, encoder_hidden_states=cond).sample
    p = model.predict(x, t, cond)
    assert torch.equal(torch.cat([p.eps, p.v], 1), out)
    torch.testing.assert_close(model.schedule.forward(p.x_0, t, p.eps), x)


class Exhausted:
    """A network that runs out of memory at its third call."""

    def __init__(self, net):
        self.net, self.calls = net, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return self.net(*args, **kwargs)


def test_out_of_memory_frees_tells_and_the_next_run_works():
    model = deepfloyd.load("if-m", CPU)
    expected = last(sampling.sample(model, [DOG], timestep_list("fast27"), generator(1)))
    upscaler.load("x4-upscaler", CPU)
    model._net = Exhausted(model._net)
    seen = []
    with pytest.raises(ModelError, match="The memory ran out and has been freed") as caught:
        seen += sampling.sample(model, [DOG], timestep_list("fast27"), generator(1))
    assert caught.value.__context__ is None  # which would keep the failed call's tensors
    assert model._net is None and not upscaler._pipes
    assert torch.equal(last(sampling.sample(model, [DOG], timestep_list("fast27"), generator(1))), expected)


def test_t5_running_out_of_memory_frees_the_network_too(empty_bank, monkeypatch):
    model = deepfloyd.load("if-m", CPU)
    model.net.eval()

    def exhausted(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as m:
        m.setattr(t5, "run_t5", exhausted)
        with pytest.raises(ModelError, match="The memory ran out"):
            model.encode([DOG])
    assert model._net is None
    assert model.encode([DOG]).shape == (1, 77, 32)


def test_a_damaged_network_is_said(monkeypatch):
    def damaged(*_, **__):
        raise SafetensorError("Error while deserializing header: incomplete metadata, file not fully covered")

    monkeypatch.setattr("diffusers.UNet2DConditionModel.from_pretrained", damaged)
    with pytest.raises(ModelError, match=r"A file of DeepFloyd/IF-I-M-v1\.0 is damaged"):
        list(sampling.sample(deepfloyd.load("if-m", CPU), [DOG], [500, 0], generator(1)))


@pytest.mark.parametrize("name", ["if-l", "if-ii-l"])
def test_a_model_that_is_not_here_says_what_to_do(name):
    with pytest.raises(ModelError, match=r"is not here. N\w+ .*GB"):
        registry.load(name, "cpu")


def test_stage_two_needs_a_stage_one(monkeypatch):
    second = hub.REPOSITORIES["if-ii-m"]
    monkeypatch.setattr(hub, "missing", lambda r, parts: [] if r is second else list(parts))
    with pytest.raises(ModelError, match="needs a stage I model"):
        deepfloyd.load("if-ii-m", CPU)


@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
def test_every_sampler_draws_with_it(sampler):
    model = deepfloyd.load("if-m", CPU)
    denoiser = sampling.published(model)
    x = randn((2, *model.shape), generator(1))
    visits = visits_together(model.schedule.timesteps(10), 2)
    picture = last(TEXT_SAMPLERS[sampler].run(denoiser, x, visits, denoiser.encode([DOG, None]), generator(2)))
    assert picture.isfinite().all() and picture.abs().max() <= 1.1


def test_a_sweep_over_steps_refuses_the_multistep_solver():
    with pytest.raises(ValueError, match="needs DDIM or DDPM"):
        PLANS["step-sweep"](PictureRequest(sampler="dpm-solver"))


@pytest.mark.parametrize("experiment", PLANS)
def test_every_experiment_of_the_page_runs_on_it(experiment):
    request = PictureRequest.checked(prompt=DOG, n=2, model="if-m", steps=4, guidance=7, threshold="dynamic")
    plan = PLANS[experiment](request)
    assert last(plan.run("cpu")).shape == (len(plan.seeds), 3, SIZE, SIZE)


def test_the_threshold_can_be_left_out():
    model = deepfloyd.load("if-m", CPU)
    x, t, cond = 3 * randn((1, *model.shape), generator(1)), torch.tensor([700]), model.encode([DOG])
    settings = [sampling.Settings(threshold=name) for name in ("dynamic", "none")]
    bounded, free = (sampling.published(model, s).predict(x, t, cond) for s in settings)
    assert bounded.x_0.abs().max() <= 1 < free.x_0.abs().max()


def test_stage_three_frees_everything_when_the_memory_runs_out(monkeypatch):
    pipe, model = upscaler.load("x4-upscaler", CPU), deepfloyd.load("if-m", CPU)
    model.net.eval()
    low = torch.zeros(1, 3, 16, 16)
    steps = upscaler.upscale(pipe, low, [DOG], 3, generator(1))
    next(steps)
    monkeypatch.setattr(pipe.vae, "decode", Exhausted(None))
    pipe.vae.decode.calls = 2
    with pytest.raises(ModelError, match="x4-upscaler takes 10 GB"):
        list(steps)
    assert model._net is None and not upscaler._pipes


# ---- Timesteps ----


def test_the_lists_are_the_published_ones():
    lengths = {"stride30": 34, "fast27": 27, "smart27": 27, "smart50": 50, "smart100": 100, "smart185": 185}
    lengths |= {"super27": 27, "super40": 40, "super100": 100}
    assert lengths.keys() == TIMESTEP_LISTS.keys()
    for name, title in TIMESTEP_LISTS.items():
        steps = timestep_list(name)
        assert len(steps) == lengths[name] and f"{lengths[name]} steps" in title
        assert steps == sorted(set(steps), reverse=True) and steps[-1] == 0
        assert steps[0] == (990 if name == "stride30" else 999)
        assert name == "stride30" or steps == getattr(diffusers.pipelines.deepfloyd_if, f"{name}_timesteps")
    with pytest.raises(ValueError, match="must be one of stride30, fast27"):
        timestep_list("slow1000")


# ---- Finished pictures ----


@pytest.fixture
def verdict(monkeypatch):
    """Make the checker's two heads say what the test wants."""

    def say(unsafe, marked):
        safety = diffusers.pipelines.deepfloyd_if.IFSafetyChecker
        read = safety.from_pretrained.__func__

        def from_pretrained(cls, *args, **kwargs):
            checker = read(cls, *args, **kwargs)
            for head, answer in ((checker.p_head, unsafe), (checker.w_head, marked)):
                torch.nn.init.zeros_(head.weight)
                torch.nn.init.constant_(head.bias, 1.0 if answer else 0.0)
            return checker

        monkeypatch.setattr(safety, "from_pretrained", classmethod(from_pretrained))

        finish._checker.cache_clear()

    yield say
    finish._checker.cache_clear()


def test_every_picture_gets_its_own_verdict(monkeypatch):
    snapshot = hub.snapshot(FIRST.id)
    _, extractor = finish._checker(snapshot)

    def checker(clip_input, images):
        """Objects to white as unsafe, and to black as marked."""
        light = clip_input.mean((1, 2, 3))
        return images, (light > 1).tolist(), (light < -1).tolist()

    monkeypatch.setattr(finish, "_checker", lambda snapshot: (checker, extractor))
    shades = torch.tensor([1.0, 0.0, -1.0, 0.0])
    finished = finish.finish(shades.view(4, 1, 1, 1).expand(-1, 3, 64, 64), snapshot, watermark=False)
    assert [p is None for p in finished.pictures] == [True, False, True, False]
    assert all((picture == 128).all() for picture in finished.pictures[1::2])


@pytest.mark.parametrize("unsafe, marked", [(True, False), (False, True)])
def test_a_blocked_picture_is_called_blocked_and_not_shown(verdict, unsafe, marked):
    verdict(unsafe, marked)
    finished = finish.finish(torch.ones(2, 3, 64, 64), hub.snapshot(FIRST.id))
    assert finished.pictures == [None, None]
    assert "safety checker" in finish.BLOCKED


def test_a_finished_picture_carries_the_mark_as_the_pipeline_sets_it(verdict):
    verdict(False, False)
    x = randn((2, 3, 256, 256), generator(1)).clamp(-1, 1)
    finished = finish.finish(x, hub.snapshot(FIRST.id))
    assert not any(p is None for p in finished.pictures)
    pixels = finish.to_uint8(x, -1, 1)
    mark = diffusers.pipelines.deepfloyd_if.watermark.IFWatermarker.from_pretrained(
        hub.snapshot(FIRST.id) / "watermarker"
    )
    expected = mark.apply_watermark([Image.fromarray(p) for p in pixels])
    for ours, theirs, plain in zip(finished.pictures, expected, pixels, strict=True):
        np.testing.assert_array_equal(ours, np.asarray(theirs))
        changed = (ours != plain).any(-1)
        assert 100 < changed.sum() <= 15 * 15 and changed[-20:, -20:].sum() == changed.sum()


def recorded(n=3, steps=4, upto=None):
    """A recording of n pictures of 64 pixels, stopped after `upto` steps."""
    recording, x = Recording(played()), randn((n, 3, 64, 64), generator(1)).clamp(-1, 1)
    t = torch.tensor([*reversed(range(steps)), -1])
    run = (
        Step(i, steps, t[i].expand(n), x, x / 2, {"conditional": x}) for i in range(steps + 1 if upto is None else upto)
    )
    assert list(recording.follow(run))
    return recording


@pytest.mark.parametrize("upto", [None, 3])
def test_a_recording_is_checked_and_marked_once_and_what_is_not_ours_stays(verdict, upto):
    """Also a run that was stopped: its estimates are what is saved."""
    verdict(False, False)
    recording = recorded(upto=upto)
    before = [(f.x_t.copy(), f.x_0.copy()) for f in recording.frames]
    assert observe(recording, "if-m", ours=[0, 2]) == ()
    once = recording.result.copy()
    changed = (recording.result != before[-1][1]).any((1, 2, 3))
    assert changed.tolist() == [True, False, True]
    assert ((recording.frames[-1].x_t != before[-1][0]).any((1, 2, 3)).tolist() == changed.tolist()) == (upto is None)
    for frame, (x_t, x_0) in zip(recording.frames[:-1], before, strict=False):
        np.testing.assert_array_equal(frame.x_t, x_t)
        np.testing.assert_array_equal(frame.x_0, x_0)
    observe(recording, "if-m")
    np.testing.assert_array_equal(recording.result, once)


@pytest.mark.parametrize("blocked", [True, False])
def test_the_step_under_way_at_stop_adds_nothing(verdict, blocked):
    """It ends after the check, or while it goes on."""
    verdict(blocked, False)
    steps = [Step(i, 4, torch.tensor([3 - i]), torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)) for i in range(5)]
    recording = Recording(played(), withheld=True)
    run = recording.follow(steps)
    next(run)
    with pytest.raises(ValueError, match="still to be checked"):
        _ = recording.result
    late = threading.Thread(target=next, args=(run,))
    with recording.lock:  # as `observe` holds it
        late.start()
        late.join(0.05)
        assert late.is_alive() and len(recording.frames) == 1
        recording.notes = ()
    late.join(10)
    recording.notes = None
    observe(recording, "if-m")
    checked = recording.result.copy()
    assert (checked == 128).all() == blocked and not (checked == 255).all()
    assert len(list(run)) == 3 and len(recording.frames) == 1 and not recording.done
    np.testing.assert_array_equal(recording.result, checked)


@pytest.mark.parametrize("model", ["if-m", "if-ii-m"])
def test_a_blocked_picture_is_grey_in_every_frame_and_named(verdict, model):
    verdict(True, False)
    recording = recorded()
    kept = recording.result[0].copy()
    notes = observe(recording, model, ours=[1, 2])
    assert notes == recording.notes == tuple(f"Picture {k}: {finish.BLOCKED}" for k in (2, 3))
    for frame in recording.frames:
        shown = (frame.x_t, frame.x_0, frame.parts["conditional"])
        assert all((pixels[1:] == 128).all() and (pixels[0] != 128).any() for pixels in shown)
    np.testing.assert_array_equal(recording.result[0], kept)


@pytest.mark.parametrize("model", ["pocket", "x4-upscaler", "flow-class"])
def test_other_models_ask_nothing(model):
    recording = recorded()
    before = recording.result.copy()
    assert observe(recording, model) == ()
    np.testing.assert_array_equal(recording.result, before)


def test_a_stream_ends_with_what_the_checker_said(verdict):
    """By the way that every tab takes."""
    verdict(True, False)
    x = torch.zeros(1, 3, 64, 64)
    steps = [Step(i, 2, torch.tensor([1 - i]), x, x + 0.5) for i in range(3)]
    *_, value = JOB.stream(played(lambda device: iter(steps), draws="if-m"), "cpu")
    recording = RUNS_OF_THE_PAGE.get(value)
    assert value["caption"] == f"A picture. Picture 1: {finish.BLOCKED}" and not value["running"]
    assert JOB.value(recording)["caption"] == value["caption"]
    assert (recording.result == 128).all()


def test_what_was_cut_of_a_new_prompt_is_in_the_caption_of_its_run(verdict, empty_bank):
    verdict(False, False)
    request = PictureRequest(" ".join(["dog"] * 76 + ["rocket", "ship"]), n=1, model="if-m", steps=2)
    *_, value = JOB.stream(PLANS["samples"](request), "cpu")
    assert value["caption"].endswith("seed 180. The text encoder reads 76 tokens; cut off: rocket ship.")


def test_the_input_that_the_model_draws_is_checked_and_drawn_as_by_default(verdict, monkeypatch):
    verdict(True, False)
    asked = []
    monkeypatch.setattr(denoise, "samples", lambda r: asked.append(r) or samples(r))
    drawing = denoise.make(DOG, "if-m", 5, "cpu")
    with pytest.raises(gr.Error, match="Blocked by DeepFloyd's safety checker"):
        assert all(value == gr.skip() for value in drawing)
    assert asked == [replace(PictureRequest.of("if-m"), prompt=DOG, seed=5)]
    assert (asked[0].timesteps, asked[0].threshold) == ("stride30", "dynamic")
    verdict(False, False)
    *_, picture = denoise.make(DOG, "if-m", 5, "cpu")
    assert picture.size == (SIZE, SIZE)


def test_the_mark_can_be_left_out_and_a_tiny_picture_has_no_room_for_it(verdict):
    verdict(False, False)
    for size, watermark in ((256, False), (16, True)):
        x = randn((1, 3, size, size), generator(1)).clamp(-1, 1)
        finished = finish.finish(x, hub.snapshot(FIRST.id), watermark)
        np.testing.assert_array_equal(finished.pictures[0], finish.to_uint8(x, -1, 1)[0])


def test_without_the_checker_nothing_is_finished(tmp_path):
    with pytest.raises(ModelError, match="safety checker is not in"):
        finish.finish(torch.zeros(1, 3, 64, 64), tmp_path / "models--a--b" / "snapshots" / "1")


def test_a_tokenizer_that_is_only_a_spiece_model_is_read(tmp_path):
    """The published repositories have no tokenizer.json; protobuf and sentencepiece are in the requirements for this."""
    sentencepiece = pytest.importorskip("sentencepiece")
    pytest.importorskip("google.protobuf")
    corpus, folder = tmp_path / "corpus.txt", tmp_path / "tokenizer"
    folder.mkdir()
    corpus.write_text("a photo of a dog\nan oil painting of an old man\na rocket ship\n" * 20)
    marks = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "spiece"), vocab_size=24, minloglevel=2, **marks
    )
    (folder / "spiece.vocab").unlink()
    expected = sentencepiece.SentencePieceProcessor(str(folder / "spiece.model")).encode(DOG)
    assert t5.load_tokenizer(tmp_path)(DOG).input_ids == [*expected, 1]


# ---- what is in memory ----


def test_the_line_of_facts_names_the_large_models_while_they_are_in_memory():
    model = registry.load("if-m", "cpu")
    assert "if-m" not in registry.loaded(), "its weights come with the first call"
    _ = model.net
    assert "if-m" in registry.loaded()
    registry.load("x4-upscaler", "cpu")
    assert "x4-upscaler" in registry.loaded()
    deepfloyd.release()
    upscaler.release()
    assert not {"if-m", "x4-upscaler"} & set(registry.loaded())
