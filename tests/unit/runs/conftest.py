"""The small run's fixtures."""

from small_run import config as config
from small_run import events as events
from small_run import manifest as manifest
from small_run import one_encoder as one_encoder
from small_run import shared as shared
from small_run import trained as trained
