from functools import partial

from conformance import NetworkConformance

from saywhere.networks.adapter import monai_network


class TestSegResNet(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = partial(monai_network, "SegResNet"), 25_181_057, 25_182_785
    small_options = {"width": 8}  # noqa: RUF012
