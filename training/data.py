"""The data sets, read from a folder that is never part of this repository."""

import os
from pathlib import Path

from torch import Tensor
from torchvision.datasets import MNIST

DATA_VARIABLE = "DIFFUSION_DATA"


def data_folder(folder: str | Path | None = None) -> Path:
    """The given folder, else the one named by the environment variable DIFFUSION_DATA, else ./data."""
    return Path(folder or os.environ.get(DATA_VARIABLE) or "data")


def mnist(train: bool, folder: str | Path | None = None) -> tuple[Tensor, Tensor]:
    """MNIST from its four IDX files under `folder`/MNIST/raw.

    Returns:
        Images (N, 1, 28, 28) uint8 and labels (N,) int64.

    Raises:
        FileNotFoundError: one sentence that says where the files were looked for.
    """
    root = data_folder(folder)
    try:
        data = MNIST(root, train=train, download=False)
    except RuntimeError:
        raise FileNotFoundError(
            f"MNIST was not found under {root}; put its four IDX files into MNIST/raw there, "
            f"and name the folder with --data or the variable {DATA_VARIABLE}."
        ) from None
    return data.data[:, None], data.targets


def unit(images: Tensor) -> Tensor:
    """uint8 images to float32 in [0, 1]."""
    return images.float() / 255
