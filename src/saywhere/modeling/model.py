"""Any of the models that `build_model` makes."""

from __future__ import annotations

from saywhere.modeling.feature_conditioned import FeatureSegmenter
from saywhere.modeling.image_only import ImageSegmenter
from saywhere.modeling.referring import ReferringSegmenter

Model = ReferringSegmenter | FeatureSegmenter | ImageSegmenter
"""Each says what it can: `uses_text`, `reads_tokens`, `text_branch`, `can_mirror`."""
