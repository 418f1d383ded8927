from conformance import NetworkConformance

from saywhere.networks.missformer import MissFormer


class TestMissFormer(NetworkConformance):
    network = MissFormer
    parameters_3_channels = 35_452_225
    parameters_6_channels = 35_461_633
    small_options = {"width": 8, "depth": 0.5}  # noqa: RUF012
