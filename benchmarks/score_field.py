"""Measure the score field: how fast networks learn points, how good their samples are, how fast samplers and exact
denoisers are:  python -m benchmarks.score_field [--json FILE]"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from core.diffusion.closed_form import Mixture
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import classifier_guide, guide
from core.diffusion.noise import generator, randn
from core.diffusion.point_sets import POINT_SETS, unequal
from core.diffusion.schedule import Schedule
from core.runs.plane_training import train
from core.runs.plane_views import Judge, steps_of, way
from core.runs.point_training import TRAININGS
from core.runs.score_field import ScoreFieldRequest

ALLOWED = {"moons": 1.5, "roll": 1.5, "checkerboard": 2.5, "tree": 1.5}
"""The energy distance of 2,000 samples after 2,000 updates may be this many times the floor."""
N = 2000


def timed(make: Callable) -> tuple[float, object]:
    """(seconds, what it makes)."""
    start = time.perf_counter()
    made = make()
    return time.perf_counter() - start, made


def result(name: str, denoiser: Denoiser, steps: int, n: int = N, seed: int = 1) -> Tensor:
    """(n, 2) the end of a run of a sampler, unconditional."""
    *_, last = steps_of(way(name, denoiser.schedule, steps), denoiser, randn((n, 2), generator(seed)), [None] * n, seed)
    return last.x_t


def learned(data: str) -> tuple[dict, Denoiser]:
    """Train on a set as the tab does, with its figures, and judge 2,000 samples of Heun with 20 steps."""
    r, figures, start = ScoreFieldRequest.checked(data=data), [], time.perf_counter()
    for figure in train(r):
        figures.append((time.perf_counter() - start, figure))
    seconds, last = figures[-1]
    denoiser = TRAININGS.get(last.run).denoiser()
    judge = Judge(POINT_SETS[data](), N, seed=100)
    far = judge.of(result("heun", denoiser, 20))
    row = {
        "data": data, "seconds": seconds, "first figure": figures[0][0], "figures a second": len(figures) / seconds,
        "distance": far, "floor": judge.floor, "ratio": far / judge.floor, "allowed": ALLOWED[data],
    }  # fmt: skip
    return row, denoiser


def weights() -> dict:
    """The share of points that Langevin brings to the smaller of two Gaussians, which has 20 %, with annealing and without."""
    denoiser = unequal().denoiser(Schedule.cosine(1000))
    shares = {
        name: float((result(name, denoiser, 20, 10_000)[:, 0] < 0).float().mean()) for name in ("langevin", "plain")
    }
    return {"true": 0.2, "annealed": shares["langevin"], "without annealing": shares["plain"]}


def gaussian_guidance(w: float = 3.0) -> list[dict]:
    """Mean and variance under guidance where they are known: N(0, 1 + m^2) against N(m, 1) with w of the second's score.

    Two classes N(+-m, 1) far from each other at small noise: at t = 0 the guided score of class 1 is
    (1 - w) score + w score_1; near m, where only class 1 counts, both scores agree, so samples keep mean m and variance 1.
    """
    path, m = Schedule.flow(1000), 6.0
    means = torch.tensor([[-m, 0.0], [m, 0.0]], dtype=torch.float64)
    ones = torch.ones(2, dtype=torch.float64)
    mixture = Mixture(path, ones, means, ones, torch.tensor([0, 1]))
    cond = mixture.encode([1])
    log_prob = lambda x, t: mixture.log_density(x, t, cond) - mixture.log_density(x, t)  # noqa: E731
    rows = []
    for name, guided, prompt in (
        ("CFG", guide(mixture, w), 1),
        ("classifier", classifier_guide(mixture, log_prob, w), None),
    ):
        x = randn((20_000, 2), generator(0)).double()
        *_, last = steps_of(way("heun", path, 100), guided, x, [prompt] * len(x), 0)
        rows.append({"guide": name, "mean": last.x_t.mean(0).tolist(), "variance": last.x_t.var(0).tolist()})
    return rows


def speed(network: Denoiser) -> dict:
    """Seconds of the runs that the tab makes."""
    exact = POINT_SETS["moons"]().denoiser(network.schedule)
    return {
        "2,000 points, 50 steps, learned": timed(lambda: result("ddim", network, 50))[0],
        "600 points, Langevin 10 x 100, learned": timed(lambda: result("langevin", network, 1, 600))[0],
        "600 points, 50 steps, exact": timed(lambda: result("ddim", exact, 50, 600))[0],
        "600 points, Langevin 10 x 100, exact": timed(lambda: result("langevin", exact, 1, 600))[0],
    }


def main(argv: list[str] | None = None) -> None:
    """Measure and print; write a JSON file if one is named."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, help="a file for the numbers")
    args = p.parse_args(argv)
    rows, network = [], None
    for data in ALLOWED:
        row, denoiser = learned(data)
        network = network or denoiser
        rows.append(row)
        print("  ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{value}" for key, value in row.items()))
    found = {"training": rows, "weights": weights(), "guidance": gaussian_guidance(), "speed": speed(network)}
    print(json.dumps({key: found[key] for key in ("weights", "guidance", "speed")}, indent=2))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
