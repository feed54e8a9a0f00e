"""The loop of all samplers, from a table of visits to Steps. A sampler is a rule for one step down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.noise import Generators, randn
from core.diffusion.schedule import Schedule, per_sample

Constraint = Callable[[Tensor, Tensor], Tensor]
"""(x (B, ...), t (B,)) -> x, at the level just reached; at t = -1, x is the result."""


@dataclass(frozen=True)
class Step:
    """One step of a sampler.

    Args:
        i: the row of the table, 0 .. n.
        n: the index of the last row.
        t: (B,) timesteps on the CPU; -1 in the last Step.
        x_t: (B, ...) the state at t.
        x_0: (B, ...) the clean estimate from x_t; x_t itself for a sample that is finished or has not begun; the last
            estimate for one that goes up.
        parts: the Prediction's parts, (B, ...) each; zeros for a sample that has not begun, the last parts for a
            finished one. Empty without a network call, so empty in the last Step.
    """

    i: int
    n: int
    t: Tensor
    x_t: Tensor
    x_0: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)

    def cpu(self) -> "Step":
        """The same on the CPU."""
        parts = {name: part.cpu() for name, part in self.parts.items()}
        return Step(self.i, self.n, self.t.cpu(), self.x_t.cpu(), self.x_0.cpu(), parts)


class Group:
    """Some samples of a batch, by their rows; if they are all, tensors are passed on unchanged.

    Its condition (k, ...) is always the same object, so that a network can cache its work on it.
    """

    def __init__(self, rows: Sequence[int], cond: Tensor):
        self.rows, self._everyone = list(rows), len(rows) == len(cond)
        self._index = torch.tensor(self.rows, device=cond.device, dtype=torch.long)
        self.cond = self.of(cond)

    def of(self, x: Tensor) -> Tensor:
        """Their rows of x (B, ...), which is on the device."""
        return x if self._everyone else x[self._index]

    def put(self, x: Tensor, new: Tensor) -> Tensor:
        """A copy of x (B, ...) with their rows replaced by `new`."""
        return new if self._everyone else x.index_copy(0, self._index, new)

    def noise(self, x: Tensor, source: Generators) -> Tensor:
        """Standard normal noise like x (k, ...), from the common generator or from their own."""
        own = source if isinstance(source, torch.Generator) else [source[k] for k in self.rows]
        return randn(x.shape, own, x.device).to(x.dtype)


def _groups(moves: Tensor, cond: Tensor) -> list[Group]:
    """The group of moving samples in each step, from a table (n, B) of moves; equal groups are one object."""
    rows = [tuple(row.nonzero().flatten().tolist()) for row in moves]
    made = {key: Group(key, cond) for key in set(rows)}
    return [made[key] for key in rows]


Rule = Callable[[int, Group, Tensor, Prediction], Tensor]
"""(row i of the table, the k samples that go down, their x (k, ...), the prediction) -> x (k, ...) after the step."""


@torch.no_grad()
def walk(
    denoiser: Denoiser,
    x: Tensor,
    visits: Tensor,
    cond: Tensor,
    source: Generators | None,
    rule: Rule,
    constrain: Constraint | None = None,
) -> Iterator[Step]:
    """The loop. In each row, samples that go down share one network call; samples that go up get forward noise.

    Raises:
        ValueError: the numbers of samples, columns of visits and conditions differ.
    """
    if not visits.shape[1] == len(x) == len(cond):
        raise ValueError(f"{len(x)} samples need as many visits and conditions, not {visits.shape[1]} and {len(cond)}.")
    n, on_device, rise = len(visits) - 1, visits.to(x.device), visits.diff(dim=0)
    x_0, parts = x, {}
    for i, (down, up) in enumerate(zip(_groups(rise < 0, cond), _groups(rise > 0, cond), strict=True)):
        now, then = on_device[i], on_device[i + 1]
        if down.rows:
            p = denoiser.predict(down.of(x), down.of(now), down.cond)
            x_0 = down.put(x_0, p.x_0)
            parts = {k: down.put(parts.get(k, torch.zeros_like(x)), part) for k, part in p.parts.items()}
        yield Step(i, n, visits[i], x, x_0, parts if down.rows else {})
        if up.rows:
            z = up.noise(up.of(x), source)
            x = up.put(x, renoise(denoiser.schedule, up.of(x), up.of(now), up.of(then), z))
        if down.rows:
            moved = down.put(x, rule(i, down, down.of(x), p))
            x = moved if constrain is None else down.put(x, down.of(constrain(moved, then)))
        x_0 = torch.where(per_sample(then < 0, x), x, x_0)  # not `if`, which would wait for the device
    yield Step(n, n, visits[n], x, x)


def renoise(schedule: Schedule, x: Tensor, t: Tensor, t_next: Tensor, z: Tensor) -> Tensor:
    """Noise x from timesteps t up to t_next, both (B,): q(x_t' | x_t) = N((a' / a) x_t, s'^2 - (a' / a)^2 s^2).

    Ho et al. 2020, eq. 2, across several levels; needs a_t > 0.
    """
    (a, s), (a_next, s_next) = schedule.at(t, x), schedule.at(t_next, x)
    ratio = a_next / a
    return ratio * x + (s_next**2 - (ratio * s) ** 2).clamp(min=0).sqrt() * z
