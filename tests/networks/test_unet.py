from conformance import NetworkConformance

from saywhere.networks.unet import UNet


class TestUNet(NetworkConformance):
    network, parameters_3_channels, parameters_6_channels = UNet, 31_037_633, 31_039_361
    small_options = {"width": 8, "depth": 0.75}  # noqa: RUF012
