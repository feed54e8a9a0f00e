"""Scores of samples: accuracy of the requested class, and the Frechet distance of a classifier's features."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK
from core.models.mnist import Classifier
from core.models.registry import CHECKPOINTS


@dataclass(frozen=True)
class Statistics:
    """The Gaussian fitted to features (N, F): mean (F,), covariance (F, F), float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Statistics":
        """Mean and covariance over the rows of (N, F)."""
        return cls(features.double().mean(0), torch.cov(features.double().T))


def frechet_distance(p: Statistics, q: Statistics) -> float:
    """|m_p - m_q|^2 + tr(C_p + C_q - 2 (C_p C_q)^(1/2)) (Heusel et al. 2017, eq. 6).

    The trace of the root is taken from the eigenvalues of C_p^(1/2) C_q C_p^(1/2), which is symmetric.
    """
    values, vectors = torch.linalg.eigh(p.covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ q.covariance @ root).clamp(min=0).sqrt().sum()
    gap = (p.mean - q.mean).square().sum()
    return float(gap + p.covariance.trace() + q.covariance.trace() - 2 * cross)


NONE_WRONG = 0.05
"""Percent: where a row without a wrong digit stands on a logarithmic axis, which has no place for 0."""


def percent_wrong(row: Mapping) -> float:
    """The digits of a row that were read wrong, in percent; NONE_WRONG for none."""
    return 100 * (1 - row["accuracy"]) or NONE_WRONG


def rows_of(table: Path) -> list[Mapping]:
    """The rows of a benchmark's table; empty if it was not run or is damaged."""
    try:
        return json.loads(table.read_text())["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def reference(which: str = "train") -> Statistics:
    """The classifier's feature statistics of MNIST's "train" or "test" digits, kept beside its weights."""
    file = CHECKPOINTS / "classifier" / "features.safetensors"
    if not file.exists():
        raise ModelError(
            "The classifier's feature statistics are missing; get checkpoints/classifier from the repository."
        )
    tensors = load_file(file)
    return Statistics(tensors[f"{which}.mean"].double(), tensors[f"{which}.covariance"].double())


@torch.no_grad()
def judge(classifier: Classifier, images: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
    """The classifier's output for images (N, 1, 28, 28) in [0, 1].

    Returns:
        Predicted classes (N,) and features (N, F).
    """
    features = torch.cat([_features(classifier, x) for x in images.split(batch)])
    return classifier[-1](features).argmax(1), features


def _features(classifier: Classifier, x: Tensor) -> Tensor:
    with NETWORK_LOCK:
        return classifier.features(x)


def accuracy(named: Tensor, asked: Tensor) -> float:
    """The share of pictures whose predicted class is the requested one; both (N,)."""
    return (named.cpu() == asked.cpu()).float().mean().item()
