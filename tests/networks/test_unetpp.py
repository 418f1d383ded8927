from conformance import NetworkConformance

from saywhere.networks.unetpp import UNetPlusPlus


class TestUNetPlusPlus(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = UNetPlusPlus, 36_629_633, 36_631_361
    small_options = {"width": 8, "depth": 0.75}  # noqa: RUF012
