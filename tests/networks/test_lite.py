import torch
from conformance import NetworkConformance
from torch import nn

from saywhere.networks.lite import Lite, Lite2


class TestLite(NetworkConformance):
    network = Lite
    parameters_3_channels = 3_782_353
    parameters_6_channels = 3_783_217
    small_options = {"width": 8, "pretrained": False}  # noqa: RUF012
    full_options = {"pretrained": False}  # noqa: RUF012


class TestLite2(NetworkConformance):
    network = Lite2
    parameters_3_channels = 5_232_145
    parameters_6_channels = 5_233_009
    small_options = {"width": 32, "pretrained": False}  # noqa: RUF012
    full_options = {"pretrained": False}  # noqa: RUF012


class TestPretrainedLite(TestLite):
    small_options = {"width": 8}  # noqa: RUF012

    def small(self, in_channels: int = 6, seed: int = 0) -> nn.Module:
        """After a first step: at the start the pseudo-image's filters are zero, and learn before
        anything reaches through them.
        """
        network = super().small(in_channels, seed)
        with torch.no_grad():
            network.encoder.stem[0].weight.add_(
                0.01 * torch.rand_like(network.encoder.stem[0].weight)
            )
        return network


def test_from_zero_the_pseudo_image_says_nothing_and_its_filters_learn_in_the_first_step() -> None:
    network = Lite(6, width=8).eval()
    stack = torch.rand(1, 6, 32, 32)
    image_alone = Lite(3, width=8).eval()
    image_alone.load_state_dict(
        {
            name: value[:, :3] if name == "encoder.stem.0.weight" else value
            for name, value in network.state_dict().items()
        }
    )
    torch.testing.assert_close(network(stack), image_alone(stack[:, :3]))
    network(stack).sum().backward()
    assert network.encoder.stem[0].weight.grad[:, 3:].any()


class TestLiteWithAdapter(NetworkConformance):
    network = Lite
    parameters_3_channels = 3_782_353
    parameters_6_channels = 3_782_353 + 6 * 3
    small_options = {"width": 8, "first_filters": "adapter"}  # noqa: RUF012
    full_options = {"pretrained": False, "first_filters": "adapter"}  # noqa: RUF012

    def small(self, in_channels: int = 6, seed: int = 0) -> nn.Module:
        """After a first step: at the start the adapter passes the image alone by definition."""
        network = super().small(in_channels, seed)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if "mix" in name:
                    parameter.add_(0.1 * torch.rand_like(parameter))
        return network


class TestLiteWithTwoStems(NetworkConformance):
    network = Lite
    parameters_3_channels = 3_782_353
    parameters_6_channels = 3_782_353 + 3 * 32 * 9 + 2 * 32
    small_options = {"width": 8, "first_filters": "stem"}  # noqa: RUF012
    full_options = {"pretrained": False, "first_filters": "stem"}  # noqa: RUF012
