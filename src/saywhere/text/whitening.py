"""Sentence vectors, brought to a scale in which places differ.

General sentence encoders hardly tell left from right (cosine 0.92–0.99). What differs between prompts is small beside what
they share, and style differs more than place: so directions are scaled by the training prompts' own statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from saywhere.text.directions import positions

KEEP = 1e-4  # principal components below this share of the largest are noise
SHRINKAGE = 0.1  # of the within-group covariance, towards its mean variance (Friedman 1989)
SAME = 1e-8  # variance below this share of the vectors' mean square is rounding: such prompts do not differ
LEAST = 0.03  # of the largest deviation; what varied less counts as that
REACH = 0.99  # quantile of the training prompts' distances


class EmbeddingScale(nn.Module):
    """(embedding − mean) · matrix: unit variance over the training prompts on average; stored in the checkpoint."""

    mean: Tensor
    matrix: Tensor
    reach: Tensor

    def __init__(self, dim: int, scaled_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("matrix", torch.eye(dim, scaled_dim))
        self.register_buffer("reach", torch.tensor(float("inf")))

    @property
    def dims(self) -> tuple[int, int]:
        """(numbers of the encoder, numbers after scaling)."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def forward(self, embedding: Float[Tensor, "batch embedding"]) -> Float[Tensor, "batch scaled"]:
        return (embedding - self.mean) @ self.matrix

    def distance(self, embedding: Float[Tensor, "batch embedding"]) -> Float[Tensor, " batch"]:
        """How far from the training prompts, relative to the farthest percent of them: above 1 is unfamiliar (with `none` it tells nothing).

        The training prompts fill a few directions only. What lies across them the matrix does not see; it counts at the matrix's mean stretch.
        """
        centred = embedding - self.mean
        basis = torch.linalg.qr(self.matrix)[0]
        across = (
            (centred - centred @ basis @ basis.T).norm(dim=-1)
            * self.matrix.norm()
            / self.dims[1] ** 0.5
        )
        return torch.hypot(self(embedding).norm(dim=-1), across) / self.reach


def one_vector(embedding: Tensor) -> Tensor:
    """(n, dim) as it is; of tokens (n, token, dim), padded with zero rows, their mean (n, dim)."""
    if embedding.ndim == 2:
        return embedding
    return embedding.sum(1) / embedding.any(-1).sum(1, keepdim=True).clamp_min(1)


def spread_of(scale: EmbeddingScale, embeddings: Tensor) -> float:
    """Root mean variance of scaled embeddings (prompt, dim): the unit of `text.noise`. 1 after every scale but `none`."""
    return float(scale(one_vector(embeddings)).var(0, correction=0).mean().sqrt())


def fit(embeddings: np.ndarray, groups: Sequence[int], name: str) -> EmbeddingScale:
    """Fit on the distinct training prompts.

    Args:
        embeddings: float32 (n, dim), one row a distinct prompt.
        groups: n numbers; prompts of equal meaning share one (an image's paraphrases).
        name: `none` · `standardise` (each number to unit variance) · `whiten` (principal components at unit variance) ·
            `within` (whitened by the covariance within groups of equal meaning: style is damped, meaning stays).
    """
    rows = np.asarray(embeddings, np.float64)
    mean = rows.mean(0)
    if name == "none":
        mean, matrix = np.zeros_like(mean), np.eye(rows.shape[1])
    elif name == "standardise":
        matrix = np.diag(1 / _deviations(rows))
    else:
        basis, spread = _principal(rows - mean, SAME * float((rows**2).sum(1).mean()))
        matrix = (
            basis / spread
            if name == "whiten"
            else basis @ _within(((rows - mean) @ basis), np.asarray(groups), spread)
        )
    scaled = (rows - mean) @ matrix
    if name != "none":
        size = float(np.sqrt((scaled**2).mean()))
        factor = 1 / size if size > 1e-6 else 1.0  # one prompt only, or such as do not differ
        matrix = matrix * factor
    scale = EmbeddingScale(*matrix.shape)
    scale.mean.copy_(torch.from_numpy(_rounded(mean)))
    scale.matrix.copy_(torch.from_numpy(_rounded(matrix)))
    scale.reach.fill_(1.0)
    distances = scale.distance(torch.from_numpy(np.asarray(embeddings, np.float32)))
    # three digits: the last bits of a QR depend on the number of threads, and equal trainings must give equal checkpoints
    scale.reach.fill_(float(f"{max(float(distances.quantile(REACH)), 1e-6):.3g}"))
    return scale


def same_meaning(spoken: Iterable[Sequence[str]], number: Mapping[str, int]) -> np.ndarray:
    """int64 (prompt,): sentences of one thing that name the same places share a number, the group that `fit` takes; each other prompt has its own.

    A short and a long description of one lesion mean the same; one that leaves the place out does not.
    A prompt of several things stays with the first: chains of shared prompts would end in one group of everything.

    Args:
        spoken: the sentences of each thing (a manifest's row). number: prompt → its number, 0 to n − 1; sentences that it has not are left out.
    """
    groups, is_taken = np.arange(len(number)), np.zeros(len(number), bool)
    for sentences in spoken:
        texts = [text for text in sentences if text in number]
        for places in dict.fromkeys(map(positions, texts)):
            numbers = [number[text] for text in texts if positions(text) == places]
            fresh = [n for n in numbers if not is_taken[n]]
            if fresh:
                groups[fresh] = fresh[0]
                is_taken[fresh] = True
    return groups


def _deviations(rows: np.ndarray) -> np.ndarray:
    """Of each number (dim,); one that hardly varied counts as one that is just kept, or a new prompt would fly off."""
    deviations = rows.std(0)
    most = float(deviations.max())
    return np.maximum(deviations, LEAST * most) if most > 1e-6 else np.ones_like(deviations)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """To a millionth of the largest: last bits depend on BLAS's threads, and equal trainings must start from equal numbers."""
    grid = max(float(np.abs(numbers).max()), 1e-12) * 1e-6
    grid = 2.0 ** np.floor(
        np.log2(grid)
    )  # a power of two, which a last bit of the largest does not move
    return np.round(numbers / grid) * grid + 0.0  # and no −0.0: equal numbers are to be equal bytes


def _principal(centred: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions (dim, k) and standard deviations (k) of the components that are more than noise."""
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2 / max(len(centred) - 1, 1)
    kept = variance > max(KEEP * float(variance.max(initial=0)), rounding, 1e-12)
    if not kept.any():  # one prompt only: nothing differs, nothing to scale
        return np.eye(centred.shape[1])[:, :1], np.ones(1)
    return directions[kept].T, np.sqrt(variance[kept])


def _within(components: np.ndarray, groups: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Whitening matrix (k, k) by the covariance within groups; by the total one where no group has two members."""
    centred, n_free = components.copy(), 0
    for group in np.unique(groups):
        members = groups == group
        centred[members] -= components[members].mean(0)
        n_free += int(members.sum()) - 1
    if n_free < 2:
        return np.diag(1 / spread)
    covariance = centred.T @ centred / n_free
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / len(
        covariance
    ) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(np.maximum(values, 1e-12))
