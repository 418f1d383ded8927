from small_run import config as config
from small_run import evaluated as evaluated
from small_run import image_only as image_only
from small_run import manifest as manifest
from small_run import one_encoder as one_encoder
from small_run import pictures as pictures
from small_run import shared as shared
from small_run import trained as trained
