from functools import partial

from conformance import NetworkConformance

from saywhere.networks.adapter import monai_network


class TestSegResNet(NetworkConformance):
    network = partial(monai_network, "SegResNet")
    parameters_3_channels = 25_181_057
    parameters_6_channels = 25_182_785
    small_options = {"width": 8}  # noqa: RUF012


class TestSwinUNETR(NetworkConformance):
    network = partial(monai_network, "SwinUNETR")
    parameters_3_channels = 39_263_251
    parameters_6_channels = 39_265_771
    small_options = {"width": 12}  # noqa: RUF012
    is_one_graph = False  # numpy checks the sides


class TestAttentionUnet(NetworkConformance):
    network = partial(monai_network, "AttentionUnet")
    parameters_3_channels = 31_740_337
    parameters_6_channels = 31_742_065
    small_options = {"width": 4}  # noqa: RUF012


class TestBasicUNetPlusPlus(NetworkConformance):
    network = partial(monai_network, "BasicUNetPlusPlus")
    parameters_3_channels = 9_628_164
    parameters_6_channels = 9_629_892
    small_options = {"width": 4}  # noqa: RUF012
    is_one_graph = False  # it asks whether it is scripted
    unused = tuple(
        f"module.final_conv_0_{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias")
    )  # heads of deep supervision
