from conformance import NetworkConformance

from saywhere.networks.lite import Lite


class TestLite(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = Lite, 3_782_353, 3_783_217
    small_options = {"width": 8, "pretrained": False}  # noqa: RUF012
    full_options = {"pretrained": False}  # noqa: RUF012


class TestPretrainedLite(TestLite):
    small_options = {"width": 8}  # noqa: RUF012
