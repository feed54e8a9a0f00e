"""The teacher's paths from noise to digits, made once and kept: what the students of few steps learn from."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.guidance import guide
from core.models.mnist import CLASSES, SHAPE
from core.models.mnist_students import SCALES
from core.models.registry import load
from core.techniques.distillation import teacher_path
from training.state import load_state, save_state

CHUNK = 250  # paths in a file


class _Half(Technique):
    """The same denoiser with its convolutions in bfloat16, if asked for."""

    def __init__(self, inner: Denoiser, bf16: bool):
        super().__init__(inner)
        self.bf16 = bf16

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.inner.predict(x_t, t, cond)


def scales(n: int, g: torch.Generator) -> Tensor:
    """(n,) guidance scales in [1, 5], half of them below 2, where people use them most."""
    low, high = SCALES
    return low + (high - low) * torch.rand(n, generator=g) ** 2


def drawn(seed: int, chunk: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise (n, 1, 28, 28), classes (n,) and guidance scales (n,) of a chunk; half of the scales are below 2."""
    g = torch.Generator().manual_seed(seed * 1_000_003 + chunk)
    labels = torch.randint(CLASSES, (n,), generator=g)
    w = scales(n, g)
    return torch.randn(n, *SHAPE, generator=g), labels, w


class Paths:
    """The paths of a teacher, in chunks; each depends only on the seed, is made when first asked for, and is kept.

    Args:
        teacher: the checkpoint.
        folder: where they are kept.
    """

    def __init__(self, teacher: str, folder: Path, seed: int, device: torch.device, bf16: bool):
        self.teacher, self.folder, self.seed, self.device, self.bf16 = teacher, folder, seed, device, bf16
        self.chunks: list[dict[str, Tensor]] = []

    def upto(self, n: int) -> list[dict[str, Tensor]]:
        """The first n chunks, on the CPU: "states" (17, 250, 1, 28, 28) from noise to digit, "labels" and "w" (250,).

        Raises:
            ValueError: the folder holds paths of another teacher or seed.
        """
        for k in range(len(self.chunks), n):
            file = self.folder / f"paths-{k:03d}.safetensors"
            if not file.exists():
                made = _made(self.teacher, self.seed, k, self.device, self.bf16)
                save_state(file, {"paths": made}, {"teacher": self.teacher, "seed": self.seed})
            parts, facts = load_state(file)
            if (facts["teacher"], facts["seed"]) != (self.teacher, self.seed):
                raise ValueError(f"{file} belongs to another teacher or seed; move it away or pass --work.")
            self.chunks.append(parts["paths"])
        return self.chunks[:n]


def _made(name: str, seed: int, chunk: int, device: torch.device, bf16: bool) -> dict[str, Tensor]:
    x, labels, w = drawn(seed, chunk, CHUNK)
    teacher = guide(_Half(load(name, str(device)), bf16), w.to(device))
    cond = F.one_hot(labels, CLASSES).float().to(device)
    return {"states": teacher_path(teacher, x.to(device), cond), "labels": labels, "w": w}
