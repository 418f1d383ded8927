from conformance import NetworkConformance

from saywhere.networks.transunet import TransUNet


class TestTransUNet(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = TransUNet, 105_275_921, 105_285_329
    small_options = {"width": 8, "depth": 0.25}  # noqa: RUF012
