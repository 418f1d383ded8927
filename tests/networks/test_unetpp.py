from conformance import NetworkConformance

from saywhere.networks.unetpp import UNetPlusPlus


class TestUNetPlusPlus(NetworkConformance):
    network = UNetPlusPlus
    parameters_3_channels = 36_629_633
    parameters_6_channels = 36_631_361
    small_options = {"width": 8, "depth": 0.75}  # noqa: RUF012
