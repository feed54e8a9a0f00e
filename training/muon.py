"""Muon: the update of every matrix is its orthogonalised momentum (Jordan et al. 2024, "Muon").

Adam scales each number separately. Muon takes the momentum of a whole matrix and sets all its singular values to about
1, so rare directions move as far as common ones. Several processes share the matrices to orthogonalise.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that maps singular values in (0, 1] to about 1 (Jordan et al. 2024)."""
MOMENTUM = 0.95
RMS = 0.2
"""The RMS of an update relative to the learning rate. It matches Adam's usual value, so both use the same rate
(Liu et al. 2025, "Muon is scalable for LLM training", section 2.2)."""


def split(net: nn.Module, outside: int) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(the parameters for Muon, the others, which stay with Adam).

    Muon is for maps between hidden states: weights of convolutions and linear layers whose sides all exceed `outside`,
    the channels of a picture. So the first and last layers are not, nor are embeddings, biases and norms.
    """
    tables = {id(m.weight) for m in net.modules() if isinstance(m, nn.Embedding)}
    matrices, others = [], []
    for module in net.modules():
        mapping = isinstance(module, (nn.Linear, nn.Conv2d))
        for name, p in module.named_parameters(recurse=False):
            hidden = mapping and name == "weight" and id(p) not in tables and min(p.shape[:2]) > outside
            (matrices if hidden else others).append(p)
    return matrices, others


def orthogonal(g: Tensor, steps: int = 5) -> Tensor:
    """(M, N) -> (M, N): about U V^T for the singular value decomposition g = U S V^T, by Newton and Schulz's iteration.

    The resulting singular values are between 0.7 and 1.2, which is close enough; computed in bfloat16.
    """
    a, b, c = COEFFICIENTS
    x = g.bfloat16()
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * (gram @ gram)) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


class Muon(torch.optim.Optimizer):
    """Updates by orthogonalised momentum; convolutions (O, I, 3, 3) are matrices (O, 9 I).

    Args:
        lr: the same as for AdamW.
        weight_decay: decoupled, as in AdamW.
        process, processes: the index and the number of the processes, which share the work.
    """

    def __init__(
        self, params: list[nn.Parameter], lr: float, weight_decay: float = 0.01, process: int = 0, processes: int = 1
    ):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.process, self.processes = process, processes

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step of all matrices with a gradient; equal on every process."""
        (group,) = self.param_groups
        found = [p for p in group["params"] if p.grad is not None]
        # all updates in one vector: each process fills in its own, the others are zero, and the sum has all
        flat = torch.zeros(sum(p.numel() for p in found), device=found[0].device, dtype=torch.bfloat16)
        directions = flat.split([p.numel() for p in found])
        for i, (p, out) in enumerate(zip(found, directions, strict=True)):
            state = self.state[p]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(p)
            momentum = state["momentum"]
            momentum.lerp_(p.grad, 1 - MOMENTUM)
            if i % self.processes == self.process:
                ahead = p.grad.lerp(momentum, MOMENTUM)  # Nesterov's
                out.copy_(orthogonal(ahead.flatten(1)).flatten())
        if self.processes > 1:
            dist.all_reduce(flat)
        for p, out in zip(found, directions, strict=True):
            scale = RMS * max(p.shape[0], p[0].numel()) ** 0.5
            p.mul_(1 - group["lr"] * group["weight_decay"]).add_(out.view(p.shape), alpha=-group["lr"] * scale)
