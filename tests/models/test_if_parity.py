"""Our loop on DeepFloyd against diffusers' pipelines, both loaded from the same files: equal to the last bit."""

import functools
from dataclasses import replace

import diffusers
import numpy as np
import pytest
import torch
from tiny_if import SIZE

from core.diffusion.noise import generator, randn
from core.diffusion.schedule import Schedule
from core.diffusion.timestep_lists import timestep_list
from core.models.deepfloyd import hub, sampling, upscaler
from core.models.deepfloyd import stages as deepfloyd
from core.models.deepfloyd.sampling import Settings
from core.models.deepfloyd.text_cache import Once
from core.runs.anagrams import AnagramRequest, Anagrams
from core.runs.enlarging import larger
from core.runs.hybrids import HybridRequest, Hybrids
from core.runs.recording import Recording
from core.runs.sampling import PLANS, PictureRequest, samples
from core.runs.sdedit import LADDERS, SDEditRequest
from core.techniques.views.catalogue import views_of

CPU = torch.device("cpu")
PROMPT = "a photo of a dog"
RUNS = [(g, n) for g in (7.0, 1.0) for n in (20, 34, "fast27", "stride30")]
EVERY_RUN = pytest.mark.parametrize("guidance, steps", RUNS)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_if_here")]


@functools.cache
def pipeline(kind, name):
    """Once for all tests; its text encoder stays on the disk, since the bank has the embeddings."""
    folder = hub.snapshot(hub.REPOSITORIES[name].id)
    parts = {"text_encoder": None, "tokenizer": None, "safety_checker": None, "feature_extractor": None}
    pipe = kind.from_pretrained(folder, dtype=torch.float32, requires_safety_checker=False, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(kind, name, model, guidance, steps, **options):
    """The pipeline's (B, 3, H, W) on the embeddings of our prompt bank."""
    embeds = {"prompt_embeds": model.encode([PROMPT])}
    if guidance > 1:
        embeds["negative_prompt_embeds"] = model.encode([None])
    timing = {"timesteps": timestep_list(steps)} if isinstance(steps, str) else {"num_inference_steps": steps}
    pipe = pipeline(kind, name)
    options = {"generator": generator(5), "guidance_scale": guidance, "output_type": "pt"} | options
    return pipe(**embeds, **timing, **options).images


def schedule_of(steps):
    return timestep_list(steps) if isinstance(steps, str) else deepfloyd.SCHEDULE.timesteps(steps)


def last(steps):
    *_, step = steps
    return step.x_t


@EVERY_RUN
def test_stage_one_is_the_pipeline(guidance, steps):
    model = deepfloyd.load("if-m", CPU)
    expected = theirs(diffusers.IFPipeline, "if-m", model, guidance, steps)
    ours = sampling.sample(model, [PROMPT], schedule_of(steps), generator(5), Settings(guidance))
    assert torch.equal(last(ours), expected)


@EVERY_RUN
def test_what_the_page_draws_is_what_the_pipeline_draws(guidance, steps):
    """By the way that the page takes, two pictures at once."""
    timing = {"timesteps": steps} if isinstance(steps, str) else {"steps": steps}
    how = {"model": "if-m", "sampler": "ddpm", "threshold": "dynamic", "guidance": guidance, "n": 2, "seed": 5}
    plan = PLANS["samples"](PictureRequest.checked(prompt=PROMPT, **how, **timing))
    model = deepfloyd.load("if-m", CPU)
    sources = [generator(5), generator(6)]
    expected = theirs(diffusers.IFPipeline, "if-m", model, guidance, steps, generator=sources, num_images_per_prompt=2)
    assert torch.equal(last(plan.run("cpu")), expected)


@EVERY_RUN
def test_starting_from_a_picture_is_the_image_to_image_pipeline(guidance, steps):
    model, picture = deepfloyd.load("if-m", CPU), torch.linspace(-1, 1, 3 * SIZE**2).view(1, 3, SIZE, SIZE)
    expected = theirs(diffusers.IFImg2ImgPipeline, "if-m", model, guidance, steps, image=picture, strength=0.7)
    timesteps = schedule_of(steps)
    timesteps = timesteps[len(timesteps) - int(0.7 * len(timesteps)) :]
    ours = sampling.sample(model, [PROMPT], timesteps, generator(5), Settings(guidance), clean=picture)
    assert torch.equal(last(ours), expected)


@EVERY_RUN
def test_stage_two_is_the_super_resolution_pipeline(guidance, steps):
    model, low = deepfloyd.load("if-ii-m", CPU), torch.linspace(-1, 1, 3 * 8 * 8).view(1, 3, 8, 8)
    options = {"image": low, "noise_level": 250}
    expected = theirs(diffusers.IFSuperResolutionPipeline, "if-ii-m", model, guidance, steps, **options)
    settings = Settings(guidance, top=1.0)
    ours = sampling.super_resolve(model, low, [PROMPT], schedule_of(steps), generator(5), settings)
    assert torch.equal(last(ours), expected)


def test_stage_two_with_the_plain_view_is_stage_two():
    model, low = deepfloyd.load("if-ii-m", CPU), torch.linspace(-1, 1, 3 * 8 * 8).view(1, 3, 8, 8)
    views = views_of(["identity"])
    ours = sampling.super_resolve(model, low, [(PROMPT,)], schedule_of(20), generator(5), views=views)
    plain = sampling.super_resolve(model, low, [PROMPT], schedule_of(20), generator(5))
    torch.testing.assert_close(last(ours), last(plain), atol=1e-5, rtol=0)


def test_stage_two_shows_every_view_its_own_low_picture(monkeypatch):
    """Two pictures, two views, two halves of the guidance: eight rows, [no prompt, prompt] of each view."""
    model, low = deepfloyd.load("if-ii-m", CPU), randn((2, 3, 8, 8), generator(1))
    views, prompts = views_of(["identity", "rotate_90"]), [("a photo", "a dog"), ("a man", "a rocket")]
    asked, ask = [], model.ask

    def spy(x_t, x_in, t, cond, *more):
        asked.append((x_in, cond))
        return ask(x_t, x_in, t, cond, *more)

    monkeypatch.setattr(model, "ask", spy)
    final = last(sampling.super_resolve(model, low, prompts, [700, 300, 0], [generator(5), generator(6)], views=views))
    assert final.shape == (2, 3, SIZE, SIZE) and len(asked) == 3
    words = model.encode([None, "a photo", "a man", "a dog", "a rocket"])
    for x_in, cond in asked:
        plain, turned, *_ = halves = x_in.split(2)
        assert [len(h) for h in halves] == [2] * 4
        assert torch.equal(turned, views[1].apply(plain)) and torch.equal(torch.cat(halves[2:]), torch.cat(halves[:2]))
        assert torch.equal(plain[:, 3:], asked[0][0][:2, 3:])
        assert torch.equal(cond, words[[0, 0, 0, 0, 1, 2, 3, 4]])


def test_an_anagram_is_enlarged_with_its_prompts_and_views(monkeypatch):
    seen = {}

    def spy(model, low, prompts, timesteps, source, views):
        seen.update(low=low, prompts=prompts, views=views)
        return iter(())

    monkeypatch.setattr(sampling, "super_resolve", spy)
    request = AnagramRequest(
        prompts=("a dog", "a rocket"), views=("identity", "jigsaw"), style="a photo of", view_seed=7
    )
    pixels = np.full((64, 64, 3), 51, np.uint8)
    assert list(larger(Anagrams(request=request), 0, pixels, by="if-ii-m").run("cpu")) == []
    assert seen["prompts"] == [("a photo of a dog", "a photo of a rocket")]
    assert [v.title for v in seen["views"]] == ["As it is", "Jigsaw"] and seen["views"][1].seed == 7
    assert seen["low"].shape == (1, 3, 64, 64) and torch.allclose(seen["low"], torch.tensor(-0.6))


def test_stage_three_can_be_watched_and_kept(monkeypatch):
    """What is seen of the latents on the way has three channels, as the picture at the end."""
    monkeypatch.setattr(upscaler, "STEPS", 3)
    plan = larger(samples(PictureRequest(PROMPT, n=1)), 0, np.full((16, 16, 3), 90, np.uint8), by="x4-upscaler")
    recording = Recording(plan)
    *way, last_step = recording.follow(plan.run("cpu"))
    assert {step.x_0.shape for step in way} == {(1, 3, 16, 16)} and last_step.x_0.shape == (1, 3, 64, 64)
    assert recording.done and recording.result.shape == (1, 64, 64, 3)


def test_a_list_that_does_not_end_at_zero_keeps_the_noise_of_its_last_step():
    model, timesteps = deepfloyd.load("if-m", CPU), [600, 300, 10]
    expected = pipeline(diffusers.IFPipeline, "if-m")(
        prompt_embeds=model.encode([PROMPT]),
        negative_prompt_embeds=model.encode([None]),
        timesteps=timesteps,
        generator=generator(5),
        output_type="pt",
    ).images
    assert torch.equal(last(sampling.sample(model, [PROMPT], timesteps, generator(5))), expected)


def test_each_picture_has_its_own_generator():
    model = deepfloyd.load("if-m", CPU)
    sources = [generator(5), generator(6)]
    pair = last(sampling.sample(model, [PROMPT] * 2, timestep_list("fast27"), sources))
    second = last(sampling.sample(model, [PROMPT], timestep_list("fast27"), generator(6)))
    torch.testing.assert_close(pair[1:], second, atol=1e-3, rtol=0)  # another batch size rounds otherwise


def test_the_path_is_the_scheduler_s():
    table = pipeline(diffusers.IFPipeline, "if-m").scheduler.alphas_cumprod
    path = deepfloyd.SCHEDULE
    assert torch.equal(path.alpha_bar[:-1].float(), table)
    x, eps, t = randn((1000, 1, 1, 1), generator(1)), randn((1000, 1, 1, 1), generator(2)), torch.arange(1000)
    expected = pipeline(diffusers.IFPipeline, "if-m").scheduler.add_noise(x, eps, t)
    assert torch.equal(path.forward(x, t, eps), expected)
    torch.testing.assert_close(path.alpha_bar, Schedule.cosine(1000).alpha_bar, rtol=2e-5, atol=0)


@pytest.mark.parametrize("guidance", [9.0, 1.0])
def test_stage_three_is_the_upscale_pipeline(guidance):
    pipe, low = upscaler.load("x4-upscaler", CPU), randn((1, 3, 16, 16), generator(3)).clamp(-1, 1)
    assert isinstance(pipe, diffusers.StableDiffusionUpscalePipeline)
    pipe.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 6, "guidance_scale": guidance, "output_type": "pt"}
    expected = pipe(prompt=PROMPT, image=low, generator=generator(5), **options).images  # in [0, 1]
    steps = list(upscaler.upscale(pipe, low, [PROMPT], 6, generator(5), guidance))
    assert [step.x_t.shape for step in steps] == [(1, 4, 16, 16)] * 6 + [(1, 3, 64, 64)]
    torch.testing.assert_close(steps[-1].x_t / 2 + 0.5, expected, atol=1e-4, rtol=0)


def test_projecting_the_text_once_changes_no_bit():
    """Prompts that come back, change, and are written over in place."""
    plain, once = pipeline(diffusers.IFPipeline, "if-m").unet, deepfloyd.load("if-m", CPU).net
    x, t = randn((2, 3, SIZE, SIZE), generator(1)), torch.tensor([900, 20])
    one, two = (randn((2, 77, 32), generator(k)) for k in (2, 3))
    with torch.no_grad():
        for text in (one, one, two, one):
            assert torch.equal(once(x, t, text).sample, plain(x, t, text).sample)
        one.mul_(2)
        assert torch.equal(once(x, t, one).sample, plain(x, t, one).sample)


@pytest.mark.parametrize(
    "run",
    [
        lambda model: sampling.sample(model, [PROMPT], [900, 500, 0], generator(5)),
        lambda model: Anagrams(request=AnagramRequest(model="if-m", n=2, steps=3)).run("cpu"),
        lambda model: Hybrids(request=HybridRequest(model="if-m", n=2, steps=3)).run("cpu"),
        lambda model: replace(
            LADDERS["ladder"](SDEditRequest(model="if-m", starts="30")),
            inputs={"original": np.full((16, 16, 3), 128, np.uint8)},
        ).run("cpu"),
    ],
    ids=["sample", "anagram", "hybrid", "edit"],
)
def test_the_text_is_projected_once_in_a_run(run):
    model, calls = deepfloyd.load("if-m", CPU), []
    last(run(model))  # its prompts are in the bank from now on, so the network stays
    projections = [m for m in model.net.modules() if isinstance(m, Once)]
    for projection in projections:
        inner = projection.inner
        del projection.inner
        projection.inner = lambda text, inner=inner: calls.append(1) or inner(text)
    last(run(model))
    assert len(calls) == len(projections) > 4
