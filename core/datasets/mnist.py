"""MNIST's digits."""

from pathlib import Path

from torch import Tensor

from core.datasets import DATA_VARIABLE, data_folder

DAMAGED = "The files of MNIST are damaged: put its four IDX files into MNIST/raw of the data folder again."


def mnist(train: bool, folder: str | Path | None = None) -> tuple[Tensor, Tensor]:
    """MNIST from its four IDX files under `folder`/MNIST/raw.

    Returns:
        Images (N, 1, 28, 28) uint8 and labels (N,) int64.

    Raises:
        FileNotFoundError: one sentence that says where the files were looked for.
        ValueError: one sentence; the files are damaged.
    """
    from torchvision.datasets import MNIST  # slow to import, and the page needs it for those alone who train

    root = data_folder(folder)
    try:
        data = MNIST(root, train=train, download=False)
    except RuntimeError:
        raise FileNotFoundError(
            f"MNIST was not found under {root}; put its four IDX files into MNIST/raw there, "
            f"and name the folder with --data or the variable {DATA_VARIABLE}."
        ) from None
    except (ValueError, AssertionError, LookupError, TypeError, OSError):
        raise ValueError(DAMAGED) from None
    images, labels = data.data[:, None], data.targets
    if images.shape[1:] != (1, 28, 28) or len(images) != len(labels) or not len(images) or int(labels.max()) > 9:
        raise ValueError(DAMAGED)
    return images, labels


def unit(images: Tensor) -> Tensor:
    """uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def download(folder: str | Path | None = None) -> None:
    """Fetch MNIST's four files, 11 MB, into `folder`/MNIST/raw; files that are there stay.

    Raises:
        RuntimeError, OSError: there is no network, no right to write, or no room.
    """
    from torchvision.datasets import MNIST

    MNIST(data_folder(folder), download=True)
