"""Tables of visits: which timestep every sample of a batch is at, before and after each step of a run.

A table is a LongTensor (n + 1, B) on the CPU with one column per sample, as every sampler takes it. From row i to
row i + 1 a sample

    goes down   where its timestep falls: one network call, on all samples that go down together
    waits       where its timestep stays: at no cost; so a sample begins late, or is finished at -1 before the others
    goes up     where its timestep rises: noise is added, as RePaint's resampling does; `ddim` and `posterior` alone

and -1 is the clean end: a full run has -1 throughout its last row.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.checks import whole


def visits_together(timesteps: Sequence[int], n: int) -> Tensor:
    """The table of n samples that share their timesteps; a step to t = -1 follows, unless the list ends there."""
    return torch.tensor(_to_the_end(timesteps))[:, None].repeat(1, n)


def visits_each(lists: Sequence[Sequence[int]]) -> Tensor:
    """The table of samples with a list of timesteps each, of any length: a batch that shrinks as samples finish.

    A step to t = -1 follows each list, unless it ends there.
    """
    ended = [_to_the_end(timesteps) for timesteps in lists]
    rows = max(map(len, ended))
    return torch.tensor([[*column, *[-1] * (rows - len(column))] for column in ended]).T.contiguous()


def visits_from(timesteps: Sequence[int], starts: Sequence[int]) -> Tensor:
    """The table of samples that begin at places of one list: a batch that grows as each place is reached.

    Args:
        timesteps: n descending ones; a step to t = -1 follows.
        starts: B places 0 .. n; sample k waits at timesteps[starts[k]], and n is the clean end. The table begins at
            the earliest.

    Raises:
        ValueError: no start, or one out of range.
    """
    places = [whole(k, 0, len(timesteps), "Each start") for k in starts]
    if not places:
        raise ValueError("A batch that grows needs a start.")
    levels = torch.tensor(_to_the_end(timesteps))
    row = torch.arange(min(places), len(levels))[:, None]
    return levels[torch.maximum(row, torch.tensor(places))]


def _to_the_end(timesteps: Sequence[int]) -> list[int]:
    """The timesteps with -1 at the end."""
    levels = [int(t) for t in timesteps]
    return levels if levels[-1:] == [-1] else [*levels, -1]
