"""Measure the score field: how fast networks learn points, alone and two at once, how good their samples are, how
fast samplers and exact denoisers are:  python -m benchmarks.score_field [--json FILE]"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Denoiser
from core.diffusion.distances import energy_distance
from core.diffusion.guidance import classifier_guide, guide
from core.diffusion.noise import generator, randn
from core.diffusion.point_sets import POINT_SETS, unequal
from core.diffusion.schedule import Schedule
from core.runs.plane_sampling import steps_of, way
from core.runs.plane_training import train
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
    made, draws = result("heun", denoiser, 20), [POINT_SETS[data]().draw(N, generator(100 + k))[0] for k in range(6)]
    far = sum(energy_distance(made, x) for x in draws) / len(draws)
    pairs = list(itertools.combinations(draws, 2))
    floor = sum(energy_distance(x, y) for x, y in pairs) / len(pairs)
    row = {
        "data": data, "seconds": seconds, "first figure": figures[0][0], "figures a second": len(figures) / seconds,
        "distance": far, "floor": floor, "ratio": far / floor, "allowed": ALLOWED[data],
    }  # fmt: skip
    return row, denoiser


def weights() -> dict:
    """The share of points that Langevin brings to the smaller of two Gaussians, which has 20 %, with annealing and without."""
    denoiser = unequal().denoiser(Schedule.cosine(1000))
    shares = {
        name: float((result(name, denoiser, 20, 10_000)[:, 0] < 0).float().mean()) for name in ("langevin", "plain")
    }
    return {"true": 0.2, "annealed": shares["langevin"], "without annealing": shares["plain"]}


def gaussian_guidance(w: float = 3.0) -> dict:
    """Samples under guidance where their mean and variance are known: no condition N(0, S), a class N(m, S).

    Both scores are linear with one slope, so the guided one is that of N(w m, S) at every noise level.
    """
    path, m = Schedule.flow(1000), torch.tensor([1.0, -0.5], dtype=torch.float64)
    model = Gaussian(path, torch.eye(2, dtype=torch.float64) / 4, (2,))

    def log_prob(x: Tensor, t: Tensor) -> Tensor:
        a, s = path.at(t, x)
        return (a * m * x / (a**2 / 4 + s**2)).sum(1)  # but for what does not depend on x

    found = {"true mean": (w * m).tolist(), "true variance": [0.25, 0.25]}
    for name, guided, prompt in (
        ("CFG", guide(model, w), m),
        ("classifier", classifier_guide(model, log_prob, w), None),
    ):
        x = randn((100_000, 2), generator(0)).double()
        *_, last = steps_of(way("heun", path, 100), guided, x, [prompt] * len(x), 0)
        found |= {f"{name} mean": last.x_t.mean(0).tolist(), f"{name} variance": last.x_t.var(0).tolist()}
    return found


def speed(network: Denoiser) -> dict:
    """Seconds of the runs that the tab makes."""
    exact = POINT_SETS["moons"]().denoiser(network.schedule)
    return {
        "2,000 points, 50 steps, learned": timed(lambda: result("ddim", network, 50))[0],
        "600 points, Langevin 10 x 100, learned": timed(lambda: result("langevin", network, 1, 600))[0],
        "600 points, 50 steps, exact": timed(lambda: result("ddim", exact, 50, 600))[0],
        "600 points, Langevin 10 x 100, exact": timed(lambda: result("langevin", exact, 1, 600))[0],
    }


def updates_in(seconds: float, seed: int) -> int:
    """The updates that one training of the moons has after so many seconds, figures included."""
    begun, run = time.perf_counter(), ""
    figures = train(ScoreFieldRequest.checked(data="moons", seed=seed, updates=10_000))
    while time.perf_counter() - begun < seconds:
        run = next(figures).run
    return TRAININGS.get(run).step


def together(seconds: float = 5.0) -> dict:
    """Two people train at once: the speed of each, as a share of the speed alone. At least 0.4 each is wanted."""
    alone = updates_in(seconds, 1)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda seed: updates_in(seconds, seed), (2, 3)))
    return {"updates a second, alone": alone / seconds, "share of each of two": [k / alone for k in both]}


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
    found["together"] = together()
    print(json.dumps({key: value for key, value in found.items() if key != "training"}, indent=2))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
