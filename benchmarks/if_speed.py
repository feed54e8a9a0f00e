"""Our loop against diffusers' IFPipeline on the same random-weight DeepFloyd IF:  python -m benchmarks.if_speed

On the CPU with a small network; with --xl on CUDA with IF-I-XL in fp16, which also prints the peak GPU memory of
stage I and of stages I and II. Same network, steps, guidance and seed; the two take turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models.deepfloyd import sampling, stages
from core.models.deepfloyd.sampling import Settings
from core.models.deepfloyd.stages import DeepFloyd
from core.models.deepfloyd.text_encoder import TOKENS
from core.techniques.attention import Recorder, Word, columns

SMALL = {"block_out_channels": (64, 128, 192, 256), "layers_per_block": 1, "cross_attention_dim": 256}
MEDIUM = {"block_out_channels": (192, 384, 576, 768), "layers_per_block": 3, "cross_attention_dim": 768}
XL = {"block_out_channels": (704, 1408, 2112, 2816), "layers_per_block": 3, "cross_attention_dim": 2816}
CROSS = {"down": "SimpleCrossAttnDownBlock2D", "up": "SimpleCrossAttnUpBlock2D"}
PLAIN = {"down": "ResnetDownsampleBlock2D", "up": "ResnetUpsampleBlock2D"}
COMMON = {
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "out_channels": 6,
    "attention_head_dim": 64,
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 64,
    "act_fn": "gelu",
    "cross_attention_norm": "group_norm",
    "resnet_time_scale_shift": "scale_shift",
}
STAGE_ONE = COMMON | {
    "sample_size": 64,
    "in_channels": 3,
    "down_block_types": (PLAIN["down"], *(CROSS["down"],) * 3),
    "up_block_types": (*(CROSS["up"],) * 3, PLAIN["up"]),
}
STAGE_TWO = COMMON | {  # IF-II-L as far as known; its size matches the published 1.2 billion parameters
    "sample_size": 256,
    "in_channels": 6,
    "block_out_channels": (192, 384, 768, 1152, 1152),
    "layers_per_block": (2, 2, 3, 5, 5),
    "cross_attention_dim": 1152,
    "down_block_types": (*(PLAIN["down"],) * 3, *(CROSS["down"],) * 2),
    "up_block_types": (*(CROSS["up"],) * 2, *(PLAIN["up"],) * 3),
    "class_embed_type": "timestep",
    "time_embedding_act_fn": "gelu",
    "resnet_skip_time_act": True,
    "resnet_out_scale_factor": 1 / 0.7071,
    "mid_block_scale_factor": 1 / 0.7071,
    "only_cross_attention": True,
}


def random_unet(config: dict, text: int, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """A UNet with weights N(0, 1 / fan_in), created on its device, so that 4 billion weights never pass the CPU."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        net = UNet2DConditionModel(**config, encoder_hid_dim=text)
    net = net.to(dtype).to_empty(device=device)
    source = torch.Generator(device).manual_seed(0)
    norms = {p for m in net.modules() if isinstance(m, nn.GroupNorm | nn.LayerNorm) for p in m.parameters()}
    with torch.no_grad():
        for name, p in net.named_parameters():
            if p in norms:
                p.fill_(float(name.endswith("weight")))
            elif p.ndim > 1:
                p.normal_(0, p[0].numel() ** -0.5, generator=source)
            else:
                p.zero_()
    return net.eval().requires_grad_(False)


def build(config: dict, text: int, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """A random UNet, prepared as by our loader."""
    return stages.ready(random_unet(config, text, dtype, device), device)


class Words:
    """A fast text encoder with a random embedding per prompt."""

    def __init__(self, width: int):
        self.width = width

    def encode(self, prompts, device, dtype) -> Tensor:
        """(B, 77, width)."""
        rows = [torch.randn(77, self.width, generator=generator(len(p or ""))) for p in prompts]
        return torch.stack(rows).to(device, dtype)


def pipeline(net: nn.Module):
    """IFPipeline around that network, without a text encoder."""
    from diffusers import DDPMScheduler, IFPipeline

    options = {"variance_type": "learned_range", "thresholding": True, "dynamic_thresholding_ratio": 0.95}
    parts = ("tokenizer", "text_encoder", "safety_checker", "feature_extractor", "watermarker")
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", sample_max_value=1.5, **options)
    pipe = IFPipeline(unet=net, scheduler=scheduler, requires_safety_checker=False, **dict.fromkeys(parts))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def seconds(call: Callable[[], object], device: torch.device, clock: Callable[[], float] = time.perf_counter) -> float:
    """The seconds of one call by a clock, including the device's work."""
    _wait(device)
    started = clock()
    call()
    _wait(device)
    return clock() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ours(model: DeepFloyd, steps: int, n: int) -> Tensor:
    """The result of our loop, (n, 3, 64, 64)."""
    *_, step = sampling.sample(model, ["a"] * n, model.schedule.timesteps(steps), generator(0), Settings(7.0))
    return step.x_t


@torch.no_grad()
def theirs(pipe, model: DeepFloyd, steps: int, n: int) -> Tensor:
    """The result of the pipeline, (n, 3, 64, 64)."""
    cond, null = model.encode(["a"] * n), model.encode([None] * n)
    options = {"guidance_scale": 7.0, "output_type": "pt", "generator": generator(0)}
    return pipe(prompt_embeds=cond, negative_prompt_embeds=null, num_inference_steps=steps, **options).images


@torch.no_grad()
def network(model: DeepFloyd, steps: int, n: int) -> None:
    """Only the network calls of such a run."""
    x = torch.randn(2 * n, *model.shape, generator=generator(0)).to(model.device, model.dtype)
    cond = model.encode(["a"] * (2 * n))
    t = torch.full((2 * n,), 500, device=model.device)
    for _ in range(steps):
        model.net(x, t, cond, return_dict=False)


def compare(model: DeepFloyd, plain: nn.Module, steps: int, n: int, rounds: int) -> str:
    """Time our loop, the pipeline and the bare network in turns; a table of the best of each.

    The pipeline has its own copy of the network, `plain`, as it would load it.
    """
    pipe = pipeline(plain)
    runs = {
        "ours": lambda: ours(model, steps, n),
        "IFPipeline": lambda: theirs(pipe, model, steps, n),
        "network alone": lambda: network(model, steps, n),
    }
    for run in runs.values():
        run()  # warm
    times = [{name: seconds(run, model.device) for name, run in runs.items()} for _ in range(rounds)]
    best = {name: min(t[name] for t in times) for name in runs}
    ratios = sorted(t["ours"] / t["IFPipeline"] for t in times)
    lines = [f"{name:14} {best[name] / steps * 1e3:9.2f} ms a step" for name in runs]
    lines.append(f"ours / IFPipeline {best['ours'] / best['IFPipeline']:.3f} (goal at most 1.00, ideally 0.90)")
    lines.append(f"rounds one by one {', '.join(f'{r:.3f}' for r in ratios)}; median {statistics.median(ratios):.3f}")
    return "\n".join([*lines, arithmetic(model, steps, n, best["network alone"])])


@torch.no_grad()
def arithmetic(model: DeepFloyd, steps: int, n: int, alone: float) -> str:
    """The time of our loop without its network, as a share of the network's."""
    out = torch.zeros(2 * n, 6, *model.shape[1:], device=model.device, dtype=model.dtype)
    net, model._net = model._net, lambda *_, **__: (out,)
    took = min(seconds(lambda: ours(model, steps, n), model.device) for _ in range(5))
    model._net = net
    return f"sampler arithmetic {took / alone:.2%} of the network's time (goal at most 3 %)"


def compiled(model: DeepFloyd, steps: int, n: int) -> str:
    """The one-time cost of torch.compile and its gain per run."""
    plain = seconds(lambda: ours(model, steps, n), model.device)
    model.net.compile()
    warm_up = seconds(lambda: ours(model, steps, n), model.device)
    fast = seconds(lambda: ours(model, steps, n), model.device)
    return f"torch.compile: {plain / fast:.2f} x as fast after a warm-up of {warm_up - fast:.0f} s"


def recording(model: DeepFloyd, steps: int, n: int, rounds: int) -> str:
    """The cost of recording the maps of ten words in every step. The picture must stay the same.

    On the CPU the time is the processor's, whatever else runs.
    """
    words = [Word(str(k), (k,)) for k in range(10)]
    rest = Word("padding", tuple(range(10, TOKENS)), "padding"), Word("picture", (TOKENS,), "picture")
    recorder = Recorder(columns([[*words, *rest]] * n))
    plain, watched = lambda: drawn(model, model, steps, n), lambda: drawn(model, model.watched(recorder), steps, n)
    same, maps = torch.equal(plain(), watched()), recorder.take()
    clock = time.perf_counter if model.device.type == "cuda" else time.process_time
    pairs = [tuple(seconds(run, model.device, clock) for run in (plain, watched)) for _ in range(rounds)]
    ratio = min(on for _, on in pairs) / min(off for off, _ in pairs)
    size = sum(m.numel() for m in maps.values()) / 1e6  # a byte each, as they are kept
    same = "the same bit for bit" if same else "not the same"
    return f"maps of words: a step takes {ratio:.3f} times as long; {size:.2f} MB a step with every head; the picture is {same}"


def drawn(model: DeepFloyd, denoiser: Denoiser, steps: int, n: int) -> Tensor:
    """Draw as `ours` does, with a denoiser of that model and DDIM."""
    guided, visits = sampling.published(denoiser, Settings(7.0)), visits_together(model.schedule.timesteps(steps), n)
    x = randn((n, *model.shape), generator(0), model.device)
    *_, step = ddim(guided, x, visits, guided.encode(["a"] * n))
    return step.x_t


def peak(call: Callable[[], object]) -> str:
    """The peak memory during a call."""
    torch.cuda.reset_peak_memory_stats()
    call()
    return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB"


def memory(model: DeepFloyd, text: int, steps: int, n: int) -> str:
    """Peak GPU memory of stage I, and of stage II with stage I still loaded."""
    first = peak(lambda: ours(model, steps, n))
    second = DeepFloyd("if-ii-l", 256, model.text, model.device, lambda *to: build(STAGE_TWO, text, *to))
    low, timesteps = torch.zeros(n, 3, 64, 64), model.schedule.timesteps(steps)
    both = peak(lambda: list(sampling.super_resolve(second, low, ["a"] * n, timesteps, generator(0))))
    return f"peak GPU memory, {n} pictures: stage I {first}, stages I + II {both}"


def main(argv: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--xl", action="store_true", help="IF-I-XL in fp16 on CUDA instead of a small network on the CPU")
    p.add_argument("--channels-last", action="store_true", help="our network in that layout on the CPU too")
    p.add_argument("--compile", action="store_true", help="also time torch.compile")
    p.add_argument("--medium", action="store_true", help="a network of the size of IF-I-M instead of a small one")
    p.add_argument("--maps", action="store_true", help="time the recording of the maps of words alone")
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("-n", type=int, default=1, help="pictures")
    p.add_argument("--rounds", type=int, default=5)
    args = p.parse_args(argv)
    if args.xl and not torch.cuda.is_available():
        p.error("--xl needs a CUDA device.")
    device = torch.device("cuda" if args.xl else "cpu")
    config, text, name = (STAGE_ONE | XL, 4096, "if-xl") if args.xl else (STAGE_ONE | SMALL, 512, "if-m")
    if args.medium:
        config, text, name = STAGE_ONE | MEDIUM, 4096, "if-m"
    model = DeepFloyd(name, 64, Words(text), device, lambda *to: build(config, text, *to))
    parameters = sum(p.numel() for p in model.net.parameters())
    print(f"{parameters:,} parameters, {model.dtype}, {args.steps} steps, guidance 7, {args.n} pictures")
    if args.maps:
        print(recording(model, args.steps, args.n, args.rounds))
        return
    if args.channels_last:
        model.net.to(memory_format=torch.channels_last)
    plain = random_unet(config, text, model.dtype, device)
    print(compare(model, plain, args.steps, args.n, args.rounds), flush=True)
    if args.xl:
        print(memory(model, text, args.steps, args.n), flush=True)
    if args.compile:
        print(compiled(model, args.steps, args.n))


if __name__ == "__main__":
    main()
