"""The forms that a model can be exported to."""

from __future__ import annotations

import pytest

from saywhere.errors import UsageError
from saywhere.hub import exports


def test_another_form_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no export form 'tflite'; forms: monai, onnx"):
        exports.choose("tflite")


@pytest.mark.parametrize("name", exports.EXPORTS)
def test_each_form_has_a_function_that_writes_it(name: str) -> None:
    assert exports.choose(name).__name__ == "export"
