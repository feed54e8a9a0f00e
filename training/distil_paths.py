"""The teacher's paths from noise to pictures, made once and kept. Students of few steps learn from them."""

from pathlib import Path

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.models.registry import load
from core.techniques.distillation import teacher_path
from training.distil_families import Family
from training.state import load_state, save_state


class _Half(Technique):
    """The same denoiser with its convolutions in bfloat16, if asked for."""

    def __init__(self, inner: Denoiser, bf16: bool):
        super().__init__(inner)
        self.bf16 = bf16

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.inner.predict(x_t, t, cond)


class Paths:
    """The paths of a teacher, in chunks; each depends only on the seed, is made when first asked for, and is kept.

    Args:
        teacher: the checkpoint.
        folder: where they are kept.
    """

    def __init__(self, teacher: str, family: Family, folder: Path, seed: int, device: torch.device, bf16: bool):
        self.teacher, self.family, self.folder, self.seed = teacher, family, folder, seed
        self.device, self.bf16 = device, bf16
        self.chunks: list[dict[str, Tensor]] = []

    def upto(self, n: int) -> list[dict[str, Tensor]]:
        """The first n chunks, on the CPU: "states" (places + 1, chunk, ...) from noise to picture, "labels", "w".

        Raises:
            ValueError: the folder holds paths of another teacher or seed.
        """
        for k in range(len(self.chunks), n):
            self.chunks.append(self.one(k))
        return self.chunks[:n]

    def one(self, k: int) -> dict[str, Tensor]:
        """Chunk k. Raises ValueError as `upto`."""
        file = self.folder / f"paths-{k:03d}.safetensors"
        if not file.exists():
            save_state(file, {"paths": self._made(k)}, {"teacher": self.teacher, "seed": self.seed})
        parts, facts = load_state(file)
        if (facts["teacher"], facts["seed"]) != (self.teacher, self.seed):
            raise ValueError(f"{file} belongs to another teacher or seed; move it away or pass --work.")
        return parts["paths"]

    def _made(self, k: int) -> dict[str, Tensor]:
        family, here = self.family, self.device
        x, labels, w = family.drawn(family.chunk, torch.Generator().manual_seed(self.seed * 1_000_003 + k))
        teacher = load(self.teacher, str(here))
        cond = family.conditions(teacher.net, labels.to(here))
        guided = family.guided(_Half(teacher, self.bf16), w.to(here))
        states = teacher_path(guided, x.to(here), cond, family.teacher_steps)
        return {
            "states": states[:: family.teacher_steps // family.places].to(family.kept),
            "labels": labels,
            "w": w,
        }
