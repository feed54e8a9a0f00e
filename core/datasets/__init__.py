"""The data sets, read from a folder that is never part of this repository."""

import os
from pathlib import Path

DATA_VARIABLE = "DIFFUSION_DATA"


def data_folder(folder: str | Path | None = None) -> Path:
    """The given folder, else the one named by the environment variable DIFFUSION_DATA, else ./data."""
    return Path(folder or os.environ.get(DATA_VARIABLE) or "data")


def not_found(what: str, root: Path) -> FileNotFoundError:
    """The error, in one sentence, where a data set is not under `root`."""
    return FileNotFoundError(
        f"{what} was not found under {root}; name the folder that holds it with --data or the variable {DATA_VARIABLE}."
    )
