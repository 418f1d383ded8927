"""The configuration: a frozen schema, read from TOML, overridden by `--set a.b=c`."""

# `X as X` tells type checkers that the name is meant for other rooms.
from saywhere.config.schema import AugmentConfig as AugmentConfig
from saywhere.config.schema import Config as Config
from saywhere.config.schema import DataConfig as DataConfig
from saywhere.config.schema import EvaluateConfig as EvaluateConfig
from saywhere.config.schema import FusionConfig as FusionConfig
from saywhere.config.schema import LossConfig as LossConfig
from saywhere.config.schema import NetworkConfig as NetworkConfig
from saywhere.config.schema import OptimizerConfig as OptimizerConfig
from saywhere.config.schema import TextConfig as TextConfig
from saywhere.config.schema import TrainConfig as TrainConfig
from saywhere.config.schema import as_config as as_config
from saywhere.config.schema import parse as parse
from saywhere.config.schema import read as read
from saywhere.config.toml import Document as Document
