"""MNIST's digits."""

from pathlib import Path

from torch import Tensor
from torchvision.datasets import MNIST

from core.datasets import DATA_VARIABLE, data_folder


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
