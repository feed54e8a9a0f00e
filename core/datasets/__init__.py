"""The data sets, read from a folder outside this repository."""

import os
from pathlib import Path

DATA_VARIABLE = "DIFFUSION_DATA"


def data_folder(folder: str | Path | None = None) -> Path:
    """The given folder, else the one named by the environment variable DIFFUSION_DATA, else ./data."""
    return Path(folder or os.environ.get(DATA_VARIABLE) or "data")


def not_found(what: str, root: Path) -> FileNotFoundError:
    """The error, in one sentence, for a data set that is not under `root`."""
    return FileNotFoundError(
        f"{what} was not found under {root}; name the folder that holds it with --data or the variable {DATA_VARIABLE}."
    )
