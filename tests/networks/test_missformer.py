from conformance import NetworkConformance

from saywhere.networks.missformer import MissFormer


class TestMissFormer(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = MissFormer, 35_452_225, 35_461_633
    small_options = {"width": 8, "depth": 0.5}  # noqa: RUF012
