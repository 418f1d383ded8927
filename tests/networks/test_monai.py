from functools import partial

from conformance import NetworkConformance

from saywhere.networks.adapter import monai_network


class TestSegResNet(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = (
        partial(monai_network, "SegResNet"),
        25_181_057,
        25_182_785,
    )
    small_options = {"width": 8}  # noqa: RUF012


class TestSwinUNETR(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = (
        partial(monai_network, "SwinUNETR"),
        39_263_251,
        39_265_771,
    )
    small_options = {"width": 12}  # noqa: RUF012
    is_one_graph = False  # numpy checks the sides


class TestAttentionUnet(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = (
        partial(monai_network, "AttentionUnet"),
        31_740_337,
        31_742_065,
    )
    small_options = {"width": 4}  # noqa: RUF012


class TestBasicUNetPlusPlus(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = (
        partial(monai_network, "BasicUNetPlusPlus"),
        9_628_164,
        9_629_892,
    )
    small_options = {"width": 4}  # noqa: RUF012
    is_one_graph = False  # it asks whether it is scripted
    unused = tuple(
        f"module.final_conv_0_{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias")
    )  # heads of deep supervision
