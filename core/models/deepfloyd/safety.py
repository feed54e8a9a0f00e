"""DeepFloyd's licence requires two things for a finished picture: the safety checker and the watermark."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK
from core.models.deepfloyd import hub
from core.models.spec import Finished
from core.pictures.images import to_pil, to_uint8

BLOCKED = "Blocked by DeepFloyd's safety checker, not shown: try another prompt or seed."


def finish(x: Tensor, snapshot: Path, watermark: bool = True) -> Finished:
    """Check and mark final pictures (B, 3, H, W) in [-1, 1].

    Args:
        snapshot: cached folder of a stage I repository, which has the checker and the watermark.

    Raises:
        ModelError: those parts are not in it.
    """
    if any(not (snapshot / part).is_dir() for part in hub.FINISH):
        raise ModelError(f"The safety checker is not in {snapshot.parent.parent.name}: download the model again.")
    pixels = to_uint8(x, -1, 1)  # (B, H, W, 3)
    pictures = [None if bad else picture for bad, picture in zip(_verdicts(pixels, snapshot), pixels, strict=True)]
    return Finished([_mark(p, snapshot) if watermark and p is not None else p for p in pictures], BLOCKED)


@torch.no_grad()
def _verdicts(pixels: np.ndarray, snapshot: Path) -> list[bool]:
    """Whether the checker rejects each picture, as unsafe or for a watermark in it."""
    checker, extractor = _checker(snapshot)
    seen = extractor([to_pil(p) for p in pixels], return_tensors="pt").pixel_values
    with NETWORK_LOCK:
        _, unsafe, marked = checker(clip_input=seen, images=list(np.zeros((len(pixels), 1))))
    return [a or b for a, b in zip(unsafe, marked, strict=True)]


def _mark(picture: np.ndarray, snapshot: Path) -> np.ndarray:
    """DeepFloyd's mark in the lower right corner; pictures under 17 pixels have no room for it."""
    if min(picture.shape[:2]) < 17:
        return picture
    return np.asarray(_watermarker(snapshot).apply_watermark([to_pil(picture)])[0])


@lru_cache(maxsize=1)
def _checker(snapshot: Path):
    """The checker on the CPU: it runs once per picture, and the UNet needs the GPU's memory."""
    from diffusers.pipelines.deepfloyd_if import IFSafetyChecker
    from transformers import CLIPImageProcessor

    folder = snapshot / "safety_checker"
    options = {"variant": hub.variant(folder) or None, "use_safetensors": True, "local_files_only": True}

    class Checker(IFSafetyChecker):
        def __init__(self, config):
            super().__init__(config)
            self.post_init()  # transformers 5 cannot load a model that did not call it; diffusers' does not

    checker = Checker.from_pretrained(folder, dtype=torch.float32, **options).eval()
    return checker, CLIPImageProcessor.from_pretrained(snapshot / "feature_extractor", local_files_only=True)


@lru_cache(maxsize=1)
def _watermarker(snapshot: Path):
    from diffusers.pipelines.deepfloyd_if.watermark import IFWatermarker

    folder = snapshot / "watermarker"
    options = {"variant": hub.variant(folder) or None, "use_safetensors": True, "local_files_only": True}
    return IFWatermarker.from_pretrained(folder, dtype=torch.float32, **options)
