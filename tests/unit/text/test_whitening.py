"""The scale against scikit-learn; with the real encoder opposites part and strangers are known."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.covariance import shrunk_covariance
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from place_prompts import MEANING, PROMPTS
from saywhere.data.manifest import read_manifest
from saywhere.data.prompt_table import PromptTable, groups_of_meaning
from saywhere.text.directions import contradict
from saywhere.text.whitening import SHRINKAGE, EmbeddingScale, fit

NAMES = ["whiten", "within", "standardise", "none"]


@pytest.fixture(scope="module")
def vectors(minilm: Any) -> np.ndarray:
    return minilm.embed(PROMPTS)


@pytest.fixture(scope="module")
def opposites(minilm: Any) -> np.ndarray:
    return minilm.embed([contradict(prompt) or "" for prompt in PROMPTS])


@pytest.fixture(scope="module")
def strangers(minilm: Any) -> np.ndarray:
    return minilm.embed(
        [
            "the capital of France is Paris",
            "import numpy as np",
            "a dog runs on the beach",
            "Das ist ein Haus",
        ]
    )


@pytest.fixture(scope="module")
def cloud() -> tuple[np.ndarray, np.ndarray]:
    """Groups differ in direction 0 by a little; within them direction 1 varies by much."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 8)
    rows = random.normal(0, [0.05, 3.0, 0.5, 0.5, 0.5, 0.3], (320, 6))
    rows[:, 0] += random.choice([-1, 1], 40)[groups]
    return (rows @ np.linalg.qr(random.normal(size=(6, 6)))[0]).astype(np.float32), groups


def scaled(scale: EmbeddingScale, rows: np.ndarray) -> np.ndarray:
    return scale(torch.from_numpy(rows)).numpy()


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_whiten_gives_unit_covariance_as_sklearns_pca(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    rows, groups = cloud
    result = scaled(fit(rows, groups.tolist(), "whiten"), rows)
    np.testing.assert_allclose(np.cov(result.T, ddof=0), np.eye(result.shape[1]), atol=1e-3)
    expected = PCA(result.shape[1], whiten=True).fit_transform(rows)
    np.testing.assert_allclose(
        np.abs(result), np.abs(expected), rtol=0.01, atol=0.01
    )  # up to each component's sign, and n against n − 1


def test_whiten_drops_what_is_noise(vectors: np.ndarray) -> None:
    n_components = fit(vectors, MEANING, "whiten").dims[1]
    variance = PCA().fit(vectors).explained_variance_
    assert n_components == (variance > 1e-4 * variance[0]).sum()
    assert n_components < min(vectors.shape)


def test_within_whitens_the_covariance_within_groups_as_sklearn_measures_it(
    cloud: tuple[np.ndarray, np.ndarray],
) -> None:
    rows, groups = cloud
    scale = fit(rows, groups.tolist(), "within")
    measured = (
        LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True)
        .fit(rows, groups)
        .covariance_
    )
    shrunk = shrunk_covariance(measured, SHRINKAGE)
    matrix = scale.matrix.double().numpy()
    white = matrix.T @ shrunk @ matrix
    np.testing.assert_allclose(white / np.trace(white) * len(white), np.eye(len(white)), atol=2e-3)


def test_within_brings_meaning_out_of_style_where_whiten_does_less(
    cloud: tuple[np.ndarray, np.ndarray],
) -> None:
    """Share of the variance that lies between groups.

    scikit-learn's discriminant would see one direction only.
    """
    rows, groups = cloud

    def between(name: str) -> float:
        result = scaled(fit(rows, groups.tolist(), name), rows)
        means = np.stack([result[groups == group].mean(0) for group in range(40)])
        return float(means.var(0).sum() / result.var(0).sum())

    assert between("within") > 1.5 * between("whiten")
    assert between("whiten") > between("none")


def test_standardise_is_sklearns_scaler(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    rows, groups = cloud
    np.testing.assert_allclose(
        scaled(fit(rows, groups.tolist(), "standardise"), rows),
        StandardScaler().fit_transform(rows),
        atol=1e-3,
    )


def test_none_changes_nothing(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    rows, groups = cloud
    assert np.array_equal(scaled(fit(rows, groups.tolist(), "none"), rows), rows)


@pytest.mark.parametrize("name", ["whiten", "within", "standardise"])
def test_training_prompts_have_unit_variance_on_average(vectors: np.ndarray, name: str) -> None:
    result = scaled(fit(vectors, MEANING, name), vectors)
    assert (result**2).mean() == pytest.approx(1, rel=1e-3)
    np.testing.assert_allclose(result.mean(0), 0, atol=1e-4)


@pytest.mark.parametrize(("name", "most"), [("whiten", 0.5), ("within", 0.5)])
def test_opposite_words_part(
    vectors: np.ndarray, opposites: np.ndarray, name: str, most: float
) -> None:
    scale = fit(vectors, MEANING, name)
    before, after = (
        cosine(vectors, opposites),
        cosine(scaled(scale, vectors), scaled(scale, opposites)),
    )
    assert before.mean() > 0.8
    assert after.mean() < most < before.mean()


def test_a_distance_follows_the_matrix_that_is_there_now() -> None:
    """The basis is found once; a matrix that changed, or another one, has another."""
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randn(3, 6, generator=generator)
    scale = EmbeddingScale(6, 2)
    scale.reach.fill_(1.0)
    first = scale.distance(prompts)
    assert torch.equal(scale.distance(prompts), first)
    copied = copy.deepcopy(scale)
    with torch.no_grad():
        scale.matrix.copy_(torch.randn(6, 2, generator=generator))
    fresh = EmbeddingScale(6, 2)
    fresh.load_state_dict(scale.state_dict())
    assert torch.equal(scale.distance(prompts), fresh.distance(prompts))
    assert not torch.allclose(scale.distance(prompts), first)
    assert torch.equal(copied.distance(prompts), first)
    # As `load` makes one, within `torch.inference_mode`.
    with torch.inference_mode():
        inner = EmbeddingScale(6, 2)
        inner.load_state_dict(scale.state_dict())
        assert torch.equal(inner.distance(prompts), scale.distance(prompts))


@pytest.mark.parametrize("name", ["whiten", "within", "standardise"])
def test_a_stranger_is_known_by_its_distance(
    vectors: np.ndarray, strangers: np.ndarray, name: str
) -> None:
    scale = fit(vectors, MEANING, name)
    near = scale.distance(torch.from_numpy(vectors))
    assert (near <= 1.001).float().mean() >= 0.95
    assert near.max() < 1.5
    assert scale.distance(torch.from_numpy(strangers)).min() > 1.2


@pytest.mark.parametrize("name", ["whiten", "within"])
def test_a_stranger_across_all_directions_of_the_training_prompts_is_known_too(name: str) -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=(60, 2)) @ np.eye(2, 6)).astype(np.float32)
    scale = fit(rows, (np.arange(60) // 3).tolist(), name)
    across = (rows[:1] * [1, 1, 0, 0, 0, 0] + [0, 0, 5, 0, 0, 0]).astype(np.float32)
    assert scale.dims == (6, 2)
    assert scale.distance(torch.from_numpy(across)) > 1.5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_prompts_give_a_finite_scale_in_which_others_stay_finite(
    vectors: np.ndarray, name: str, n: int
) -> None:
    scale = fit(vectors[:n], MEANING[:n], name)
    others = scaled(scale, vectors)
    assert np.isfinite(others).all()
    assert np.abs(others).max() < 1e3
    assert torch.isfinite(scale.distance(torch.from_numpy(vectors))).all()
    assert scale.distance(torch.from_numpy(vectors[:n])).max() <= 1.1


@pytest.mark.parametrize("name", NAMES)
def test_prompts_that_do_not_differ_are_as_one(vectors: np.ndarray, name: str) -> None:
    """To the encoder case makes no difference but rounding, which is not to be blown up."""
    random = np.random.default_rng(0)
    same = np.repeat(vectors[:1], 5, 0) + random.normal(0, 1e-8, (5, 384)).astype(np.float32)
    assert np.abs(scaled(fit(same, range(5), name), vectors)).max() < 1e3


def test_without_groups_within_is_whiten(vectors: np.ndarray) -> None:
    alone = range(len(vectors))
    np.testing.assert_array_equal(
        scaled(fit(vectors, alone, "within"), vectors),
        scaled(fit(vectors, alone, "whiten"), vectors),
    )


@pytest.mark.parametrize("name", NAMES)
def test_stored_and_loaded_it_is_the_same_scale(
    tmp_path: object, vectors: np.ndarray, name: str
) -> None:
    scale = fit(vectors, MEANING, name)
    path = f"{tmp_path}/scale.safetensors"
    save_file(scale.state_dict(), path)
    other = EmbeddingScale(*scale.dims)
    other.load_state_dict(load_file(path))
    assert np.array_equal(scaled(other, vectors), scaled(scale, vectors))
    assert torch.equal(
        other.distance(torch.from_numpy(vectors)), scale.distance(torch.from_numpy(vectors))
    )


def test_it_is_never_trained(vectors: np.ndarray) -> None:
    assert list(fit(vectors, MEANING, "within").parameters()) == []


@pytest.mark.parametrize(("name", "least"), [("whiten", 3.0), ("within", 1.5)])
def test_on_real_prompts_opposites_are_all_but_one_before_and_part_after(
    kvasir: Path, minilm: Any, name: str, least: float
) -> None:
    """By the difference, relative to the training prompts' size.

    `within` parts them less than `whiten` does.
    """
    rows = read_manifest(kvasir / "annotations.jsonl").split("train")[:200]
    levels = ["p6", "p9"]
    prompts = sorted({text for row in rows for level in levels for text in row.prompts[level]})
    vectors = minilm.embed(prompts)
    table = PromptTable(
        prompts,
        torch.from_numpy(vectors),
        {prompt: number for number, prompt in enumerate(prompts)},
    )
    scale = fit(vectors, groups_of_meaning(rows, levels, table).tolist(), name)
    prompts = [prompt for row in rows for prompt in row.prompts["p6"]]
    contradictions = [(prompt, contradict(prompt)) for prompt in prompts]
    pairs = [(prompt, other) for prompt, other in contradictions if other is not None]
    right, wrong = (minilm.embed(sentences) for sentences in zip(*pairs))

    def difference(a: np.ndarray, b: np.ndarray, among: np.ndarray) -> float:
        return float(np.linalg.norm(a - b, axis=1).mean() / np.linalg.norm(among, axis=1).mean())

    assert cosine(right, wrong).mean() > 0.98
    before, after = (
        difference(right, wrong, vectors),
        difference(scaled(scale, right), scaled(scale, wrong), scaled(scale, vectors)),
    )
    assert after > least * before


@pytest.mark.parametrize("name", NAMES)
def test_its_zeros_have_no_sign(vectors: np.ndarray, name: str) -> None:
    """Checkpoints of equal trainings are compared by their bytes."""
    for numbers in fit(vectors, MEANING, name).state_dict().values():
        assert not torch.signbit(numbers[numbers == 0]).any()
