from conformance import NetworkConformance

from saywhere.networks.transunet import TransUNet


class TestTransUNet(NetworkConformance):
    network = TransUNet
    parameters_3_channels = 105_275_921
    parameters_6_channels = 105_285_329
    small_options = {"width": 8, "depth": 0.25}  # noqa: RUF012
