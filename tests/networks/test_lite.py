import torch
from conformance import NetworkConformance
from torch import nn

from saywhere.networks.lite import Lite


class TestLite(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = Lite, 3_782_353, 3_783_217
    small_options = {"width": 8, "pretrained": False}  # noqa: RUF012
    full_options = {"pretrained": False}  # noqa: RUF012


class TestPretrainedLite(TestLite):
    small_options = {"width": 8}  # noqa: RUF012


class TestLiteWithAdapter(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = Lite, 3_782_353, 3_782_353 + 6 * 3
    small_options = {"width": 8, "first_filters": "adapter"}  # noqa: RUF012
    full_options = {"pretrained": False, "first_filters": "adapter"}  # noqa: RUF012

    def small(self, in_channels: int = 6, seed: int = 0) -> nn.Module:
        """After a first step: at the start the adapter passes the image alone, by its definition."""
        network = super().small(in_channels, seed)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if "mix" in name:
                    parameter.add_(0.1 * torch.rand_like(parameter))
        return network


class TestLiteWithTwoStems(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = Lite, 3_782_353, 3_782_353 + 3 * 32 * 9 + 2 * 32
    small_options = {"width": 8, "first_filters": "stem"}  # noqa: RUF012
    full_options = {"pretrained": False, "first_filters": "stem"}  # noqa: RUF012
