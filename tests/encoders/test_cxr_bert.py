from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from encoders.conformance import BertConformance
from saywhere.text.bert import BertEncoder, open_cxr_bert
from tiny_bert import HIDDEN, write_checkpoint


@pytest.fixture(scope="module", params=["default", "mean", "paper_code"])
def pooling(request: Any) -> str:
    return request.param


@pytest.fixture(scope="module")
def encoder(cxr_bert_folder: Path, pooling: str) -> BertEncoder:
    return open_cxr_bert(cxr_bert_folder, pooling, None)


@pytest.fixture(scope="module")
def other_weights(tmp_path_factory: pytest.TempPathFactory, pooling: str) -> BertEncoder:
    return open_cxr_bert(write_checkpoint(tmp_path_factory.mktemp("other"), seed=1), pooling, None)


class TestCXRBert(BertConformance):
    """In the published layout, for each pooling."""

    dim: ClassVar[int] = HIDDEN
