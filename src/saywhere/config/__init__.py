"""The configuration: a frozen schema, read from TOML, overridden by `--set a.b=c`."""

# `X as X` tells type checkers that the name is meant for other rooms.
from saywhere.config.data_sections import DataConfig as DataConfig
from saywhere.config.data_sections import TextConfig as TextConfig
from saywhere.config.model_sections import FusionConfig as FusionConfig
from saywhere.config.model_sections import NetworkConfig as NetworkConfig
from saywhere.config.schema import Config as Config
from saywhere.config.schema import as_config as as_config
from saywhere.config.schema import parse as parse
from saywhere.config.schema import read as read
from saywhere.config.toml import Document as Document
from saywhere.config.training_sections import AugmentConfig as AugmentConfig
from saywhere.config.training_sections import EvaluateConfig as EvaluateConfig
from saywhere.config.training_sections import LossConfig as LossConfig
from saywhere.config.training_sections import OptimizerConfig as OptimizerConfig
from saywhere.config.training_sections import TrainConfig as TrainConfig
