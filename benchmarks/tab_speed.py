"""How long the text-to-image tabs take on pocket, against their limits:  python -m benchmarks.tab_speed [--device cpu]

Each run is timed from the request to its last Step, with the tab's default settings, after one warm-up.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch

from core.models.device import DEVICES, device_facts
from core.models.registry import load
from core.pictures import masks
from core.pictures.images import square, to_rgb, to_tensor, to_uint8
from core.pictures.scenes import mountains
from core.runs.anagrams import AnagramRequest, Anagrams
from core.runs.denoise import DenoiseRequest, Denoising
from core.runs.hybrids import HybridRequest, Hybrids
from core.runs.inpainting import FILLINGS, InpaintRequest
from core.runs.sampling import PLANS, PictureRequest
from core.runs.sdedit import LADDERS, SDEditRequest

SCENE = {"original": np.asarray(square(to_rgb(mountains()), 64))}


def picture() -> torch.Tensor:
    """The first scene as (1, 3, 64, 64)."""
    return to_tensor(square(to_rgb(mountains()), 64), -1, 1)


def denoising(device: str) -> float:
    """Three timesteps, every method, and the curve; returns the seconds until the first picture."""
    started, first = time.perf_counter(), 0.0
    original = to_uint8(picture(), -1, 1)[0]
    for _ in Denoising(request=DenoiseRequest(), inputs={"original": original}).compare(device):
        first = first or time.perf_counter() - started
    return first


def drain(steps: Iterable) -> None:
    """Run to the end."""
    for _ in steps:
        pass


def seconds(run: Callable[[], object]) -> float:
    """The seconds of the second of two runs."""
    run()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def inpainting(device: str, passes: int) -> None:
    """One picture, 30 steps, with `passes` passes."""
    plan = FILLINGS["fill"](InpaintRequest(n=1, steps=30, jump_n=passes))
    drain(replace(plan, inputs=SCENE | {"mask": to_uint8(masks.centre_square())[0]}).run(device))


def main(argv: list[str] | None = None) -> None:
    """Print a line per tab."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="auto", choices=DEVICES)
    device = p.parse_args(argv).device
    load("pocket", device)
    print(f"pocket on {device_facts(device)}")
    ladder = replace(LADDERS["ladder"](SDEditRequest(n=1)), inputs=SCENE)
    starts = [int(s) for s in SDEditRequest().starts.split(",")]
    alone = [replace(ladder, request=SDEditRequest(n=1, starts=str(s))) for s in starts]
    rows = (
        ("forward & denoise, three t, all methods, curve", 15, lambda: denoising(device)),
        (
            "five samples, 30 steps, guidance",
            12,
            lambda: drain(PLANS["samples"](PictureRequest(n=5)).run(device)),
        ),
        ("step sweep, 2 to 100", None, lambda: drain(PLANS["step-sweep"](PictureRequest()).run(device))),
        ("SDEdit, ladder of six", 15, lambda: drain(ladder.run(device))),
        ("SDEdit, the six runs one by one", None, lambda: [drain(a.run(device)) for a in alone]),
        ("inpainting, 30 steps", 5, lambda: inpainting(device, 1)),
        ("inpainting, 30 steps, n = 5", 25, lambda: inpainting(device, 5)),
        ("anagram, two views, 30 steps", 8, lambda: drain(Anagrams(request=AnagramRequest(n=1)).run(device))),
        ("hybrid, 30 steps", 8, lambda: drain(Hybrids(request=HybridRequest(n=1)).run(device))),
    )
    for what, limit, run in rows:
        print(f"{what:50} {seconds(run):6.2f} s" + (f"  (limit {limit} s)" if limit else ""))
    print(f"forward & denoise: first picture after {denoising(device):.2f} s (limit 1 s)")


if __name__ == "__main__":
    main()
