from conformance import NetworkConformance

from saywhere.networks.unet import UNet


class TestUNet(NetworkConformance):
    network = UNet
    parameters_3_channels = 31_037_633
    parameters_6_channels = 31_039_361
    small_options = {"width": 8, "depth": 0.75}  # noqa: RUF012
