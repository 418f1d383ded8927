"""Sentence vectors, brought to a scale in which places differ.

General sentence encoders hardly tell left from right (cosine 0.92–0.99). What differs between
prompts is small beside what they share, and style differs more than place. So directions are
scaled by the training prompts' own statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from saywhere.text.directions import positions

KEEP = 1e-4  # principal components below this share of the largest variance are noise
SHRINKAGE = 0.1  # of the within-group covariance, towards its mean variance (Friedman 1989)
SAME = 1e-8  # variance below this share of the mean square is rounding: such prompts do not differ
LEAST = 0.03  # of the largest deviation; what varied less counts as that
REACH = 0.99  # quantile of the training prompts' distances
TINY = 1e-6  # below it a deviation or size counts as zero


class EmbeddingScale(nn.Module):
    """(embedding − mean) · matrix, stored in the checkpoint.

    Over the training prompts the result has unit variance on average.

    Attributes:
        mean: float32 (embedding,), of the training prompts.
        matrix: float32 (embedding, scaled).
        reach: float32, the distance that nearly all training prompts stay below.
    """

    mean: Tensor
    matrix: Tensor
    reach: Tensor

    def __init__(self, dim: int, scaled_dim: int) -> None:
        """Make a scale that changes nothing; `fit`, or a checkpoint, fills it.

        Args:
            dim: Numbers that the encoder gives.
            scaled_dim: Numbers after scaling.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        # Not torch.eye: for a shape alone (device "meta") it loads the compiler, for seconds.
        self.register_buffer("matrix", torch.zeros(dim, scaled_dim).fill_diagonal_(1))
        # With an infinite reach no prompt is unfamiliar, until a scale is fitted.
        self.register_buffer("reach", torch.tensor(float("inf")))
        self._known: tuple[Tensor, int, Tensor] | None = None

    @property
    def dims(self) -> tuple[int, int]:
        """(numbers that the encoder gives, numbers after scaling)."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def forward(self, embedding: Float[Tensor, "batch embedding"]) -> Float[Tensor, "batch scaled"]:
        """Scale vectors.

        Args:
            embedding: (batch, embedding), as the encoder gives them.

        Returns:
            (batch, scaled).
        """
        return (embedding - self.mean) @ self.matrix

    def distance(self, embedding: Float[Tensor, "batch embedding"]) -> Float[Tensor, " batch"]:
        """How far prompts lie from the training prompts.

        The training prompts fill a few directions only. The matrix does not see what lies across
        them; that counts at the matrix's mean stretch.

        Args:
            embedding: (batch, embedding), as the encoder gives them.

        Returns:
            (batch,), relative to the farthest percent of the training prompts: above 1 is
            unfamiliar. After the scale `none` it tells nothing.
        """
        centred = embedding - self.mean
        basis = self._basis()
        outside = (centred - centred @ basis @ basis.T).norm(dim=-1)
        across = outside * self.matrix.norm() / self.dims[1] ** 0.5
        return torch.hypot(self(embedding).norm(dim=-1), across) / self.reach

    def _basis(self) -> Tensor:
        """Of the matrix's columns. Found once: it takes longer than a fifth of a prediction."""
        matrix = self.matrix
        # Such a tensor does not count its changes.
        if matrix.is_inference() or matrix.requires_grad:
            return torch.linalg.qr(matrix)[0]
        known = self._known
        if known is None or known[0] is not matrix or known[1] != matrix._version:
            basis = torch.linalg.qr(matrix)[0]
            self._known = known = (matrix, matrix._version, basis)
        return known[2]


def scaled(
    scale: EmbeddingScale, embedding: Tensor, noise: Tensor | None, *, reads_tokens: bool
) -> Tensor:
    """What a fusion reads: sentence vectors scaled, tokens as they are.

    Args:
        scale: fitted on the training prompts' sentence vectors.
        embedding: (n, dim), or of tokens (n, token, dim).
        noise: (n, scaled), added to scaled vectors; tokens get none.
        reads_tokens: are these tokens?

    Returns:
        (n, scaled), or the tokens themselves.
    """
    # A token's numbers are another space than the one that the scale was fitted in.
    if reads_tokens:
        return embedding
    vectors = scale(embedding)
    return vectors if noise is None else vectors + noise


def one_vector(embedding: Tensor) -> Tensor:
    """One vector per sentence, whether there is one per token or not.

    Args:
        embedding: (n, dim), or of tokens (n, token, dim), padded with zero rows.

    Returns:
        (n, dim): the vectors as they are, or the mean of each sentence's tokens.
    """
    if embedding.ndim == 2:
        return embedding
    # Padding is rows of zeros. A sentence of nothing else would divide by 0.
    return embedding.sum(1) / embedding.any(-1).sum(1, keepdim=True).clamp_min(1)


def spread_of(scale: EmbeddingScale, embeddings: Tensor) -> float:
    """How much scaled vectors differ: the unit of `text.noise`.

    Args:
        scale: A fitted scale.
        embeddings: (prompt, dim), or of tokens (prompt, token, dim), not scaled.

    Returns:
        The root of the mean variance. It is 1 over the training prompts after every scale but
        `none`.
    """
    return float(scale(one_vector(embeddings)).var(0, correction=0).mean().sqrt())


def fit(embeddings: np.ndarray, groups: Sequence[int], name: str) -> EmbeddingScale:
    """Fit a scale on the distinct training prompts.

    Args:
        embeddings: float32 (n, dim), one row per distinct prompt.
        groups: n numbers; prompts of equal meaning share one (an image's paraphrases).
        name: `none`; `standardise` (each number to unit variance); `whiten` (principal components
            at unit variance); or `within` (whitened by the covariance within groups of equal
            meaning: style is damped, meaning stays).

    Returns:
        The scale, with mean, matrix and reach.
    """
    # Variances of nearly equal vectors lose their digits in float32.
    rows = np.asarray(embeddings, np.float64)
    mean, matrix = _mean_and_matrix(rows, groups, name)
    scale = EmbeddingScale(*matrix.shape)
    scale.mean.copy_(torch.from_numpy(_rounded(mean)))
    scale.matrix.copy_(torch.from_numpy(_rounded(matrix)))
    # `distance` divides by the reach, which is not known yet.
    scale.reach.fill_(1.0)
    distances = scale.distance(torch.from_numpy(np.asarray(embeddings, np.float32)))
    # Three digits: the last bits of a QR depend on the number of threads, and equal trainings
    # must give equal checkpoints.
    scale.reach.fill_(float(f"{max(float(distances.quantile(REACH)), 1e-6):.3g}"))
    return scale


def _mean_and_matrix(
    rows: np.ndarray, groups: Sequence[int], name: str
) -> tuple[np.ndarray, np.ndarray]:
    """(dim,) and (dim, scaled), such that the scaled rows have unit variance on average."""
    mean = rows.mean(0)
    if name == "none":
        return np.zeros_like(mean), np.eye(rows.shape[1])
    centred = rows - mean
    if name == "standardise":
        matrix = np.diag(1 / _deviations(rows))
    else:
        basis, spread = _principal(centred, SAME * float((rows**2).sum(1).mean()))
        if name == "whiten":
            matrix = basis / spread
        else:
            matrix = basis @ _within(centred @ basis, np.asarray(groups), spread)
    size = float(np.sqrt(((centred @ matrix) ** 2).mean()))
    # One prompt only, or such as do not differ, has no size to divide by.
    factor = 1 / size if size > TINY else 1.0
    return mean, matrix * factor


def same_meaning(
    sentences_of_each: Iterable[Sequence[str]], numbers: Mapping[str, int]
) -> np.ndarray:
    """Group the prompts that mean the same, as `fit` takes them.

    Sentences of one row that name the same places share a group; each other prompt has its own. A
    short and a long description of one lesion mean the same; one that leaves the place out does
    not. A prompt of several rows stays with the first, because chains of shared prompts would
    otherwise end in one group of everything.

    Args:
        sentences_of_each: The sentences of each row of a manifest.
        numbers: Prompt → its number, 0 to n − 1. Sentences that it does not hold are left out.

    Returns:
        int64 (n,): the group of each numbered prompt.
    """
    groups = np.arange(len(numbers))
    is_taken = np.zeros(len(numbers), bool)
    for sentences in sentences_of_each:
        texts = [text for text in sentences if text in numbers]
        for places in dict.fromkeys(map(positions, texts)):
            alike = [numbers[text] for text in texts if positions(text) == places]
            fresh = [number for number in alike if not is_taken[number]]
            if fresh:
                groups[fresh] = fresh[0]
                is_taken[fresh] = True
    return groups


def _deviations(rows: np.ndarray) -> np.ndarray:
    """Standard deviation of each number (dim,).

    A number that hardly varied counts as one that varied a little, or a new prompt would fly off.
    """
    deviations = rows.std(0)
    most = float(deviations.max())
    return np.maximum(deviations, LEAST * most) if most > TINY else np.ones_like(deviations)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Rounded to a millionth of the largest number.

    Last bits depend on the threads of BLAS, and equal trainings must start from equal numbers.
    """
    grid = max(float(np.abs(numbers).max()), 1e-12) * 1e-6
    # A power of two, which a last bit of the largest number does not move.
    grid = 2.0 ** np.floor(np.log2(grid))
    # Adding zero makes +0.0 of −0.0: equal numbers are to be equal bytes.
    return np.round(numbers / grid) * grid + 0.0


def _principal(centred: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions (dim, k) and standard deviations (k,) of the components above the noise."""
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2 / max(len(centred) - 1, 1)
    is_signal = variance > max(KEEP * float(variance.max(initial=0)), rounding, 1e-12)
    if not is_signal.any():  # one prompt only: nothing differs, nothing to scale
        return np.eye(centred.shape[1])[:, :1], np.ones(1)
    return directions[is_signal].T, np.sqrt(variance[is_signal])


def _within(components: np.ndarray, groups: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Whitening matrix (k, k) by the covariance within groups.

    Where no group has two members, by the total covariance.
    """
    centred = components.copy()
    n_free = 0
    for group in np.unique(groups):
        members = groups == group
        centred[members] -= components[members].mean(0)
        n_free += int(members.sum()) - 1
    # One degree of freedom is no covariance.
    if n_free < 2:
        return np.diag(1 / spread)
    covariance = centred.T @ centred / n_free
    n = len(covariance)
    mean_variance = SHRINKAGE * np.trace(covariance) / n
    # Few prompts share a meaning, so that small variances are underestimated and would be blown up.
    covariance = (1 - SHRINKAGE) * covariance + mean_variance * np.eye(n)
    values, vectors = np.linalg.eigh(covariance)
    # Rounding may leave an eigenvalue just below 0.
    return vectors / np.sqrt(np.maximum(values, 1e-12))
