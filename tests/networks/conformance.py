"""What every network promises. A subclass names its class and its published parameter counts; see
test_unet.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from saywhere.errors import UsageError


class NetworkConformance:
    """`small_options` make the network small enough to run in a test; `full_options` are those of
    its published size, beside width 64.
    """

    network: ClassVar[Callable[..., nn.Module]]
    parameters_3_channels: ClassVar[int]
    parameters_6_channels: ClassVar[int]
    small_options: ClassVar[dict[str, Any]] = {}
    full_options: ClassVar[dict[str, Any]] = {}
    size: ClassVar[int] = 64
    unused: ClassVar[tuple[str, ...]] = ()
    """Parameters of another library's network that its forward leaves out; ours have none."""
    is_one_graph: ClassVar[bool] = True
    """False for another library's network whose forward asks in Python what torch.compile cannot
    follow: it is compiled in pieces.
    """

    def small(self, in_channels: int = 6, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return type(self).network(in_channels=in_channels, **self.small_options)

    def stack(self, in_channels: int = 6, batch: int = 2) -> Tensor:
        return torch.rand(
            batch, in_channels, self.size, self.size, generator=torch.Generator().manual_seed(1)
        )

    @pytest.mark.parametrize("in_channels", [3, 6])
    def test_it_has_the_published_number_of_parameters(self, in_channels: int) -> None:
        with torch.device("meta"):  # shapes without memory
            network = type(self).network(
                in_channels=in_channels, **{"width": 64, **self.full_options}
            )
        assert sum(parameter.numel() for parameter in network.parameters()) == getattr(
            self, f"parameters_{in_channels}_channels"
        )

    @pytest.mark.parametrize("in_channels", [1, 2, 3, 6])
    def test_it_gives_one_finite_logit_a_pixel_for_any_number_of_channels(
        self, in_channels: int
    ) -> None:
        network = self.small(in_channels)
        stack = self.stack(in_channels)
        logits = network(stack)
        assert logits.shape == (2, 1, self.size, self.size)
        assert torch.isfinite(logits).all()
        # An untrained network may well answer with small numbers to an ordinary stack.
        answers = torch.cat([logits, network(100 * stack), network(-100 * stack)])
        assert answers.min() < 0 or answers.max() > 1, (
            "these look like probabilities: no sigmoid belongs into a network"
        )

    def test_a_gradient_reaches_every_parameter_and_every_channel(self) -> None:
        network = self.small().train()
        stack = self.stack().requires_grad_()
        weight = torch.rand(2, 1, self.size, self.size, generator=torch.Generator().manual_seed(2))
        (network(stack) * weight).sum().backward()
        deaf = [
            name
            for name, parameter in network.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert deaf == list(self.unused)
        assert stack.grad is not None
        assert stack.grad.abs().amax(dim=(0, 2, 3)).min() > 0

    @pytest.mark.parametrize("shape", [(97, 97), (75, 96), (64, 77)])
    def test_an_odd_size_works_or_is_refused_with_the_sizes_allowed(
        self, shape: tuple[int, int]
    ) -> None:
        network = self.small().eval()
        stack = torch.rand(1, 6, *shape)
        if network.multiple == 1:
            assert network(stack).shape == (1, 1, *shape)
            return
        with pytest.raises(UsageError) as refused:
            network(stack)
        assert str((1, 6, *shape)) in str(refused.value)
        assert f"multiples of {network.multiple}" in str(refused.value)

    def test_a_size_below_the_smallest_is_refused_and_the_smallest_works(self) -> None:
        network = self.small().eval()
        assert network(torch.rand(1, 6, network.smallest, network.smallest)).shape == (
            1,
            1,
            network.smallest,
            network.smallest,
        )
        too_small = network.smallest - network.multiple
        with pytest.raises(UsageError, match=f"at least {network.smallest} px"):
            network(torch.rand(1, 6, too_small, too_small))

    def test_a_stack_of_other_channels_is_refused_with_the_number_it_takes(self) -> None:
        with pytest.raises(UsageError, match=r"\(batch, 6, height, width\)"):
            self.small(6)(self.stack(3))

    def test_saved_and_loaded_it_gives_equal_logits(self, tmp_path: Path) -> None:
        network = self.small(seed=0).train()
        other = self.small(seed=5).eval()
        network(self.stack())  # moves the running statistics: they must travel too
        save_file(network.state_dict(), tmp_path / "network.safetensors")
        stack = self.stack()
        assert not torch.equal(network.eval()(stack), other(stack))
        other.load_state_dict(load_file(tmp_path / "network.safetensors"))
        assert torch.equal(network(stack), other(stack))

    def test_compiled_it_gives_equal_logits(self) -> None:
        """Backend `eager`: it captures the whole graph (where it is one), which is the network's
        part, and leaves out the minutes of code generation.
        """
        torch.compiler.reset()
        network = self.small().eval()
        stack = self.stack()
        compiled = torch.compile(network, backend="eager", fullgraph=self.is_one_graph)
        with torch.no_grad():
            torch.testing.assert_close(compiled(stack), network(stack))

    def test_exported_it_gives_equal_logits(self) -> None:
        network = self.small().eval()
        stack = self.stack()
        with torch.no_grad():
            torch.testing.assert_close(
                torch.export.export(network, (stack,)).module()(stack), network(stack)
            )

    def test_alone_and_in_a_batch_an_image_gets_equal_logits(self) -> None:
        """In double precision: another batch is another order of sums, whose rounding in single
        precision is no fault of the network.
        """
        network = self.small().eval().double()
        stack = self.stack(batch=3).double()
        with torch.no_grad():
            torch.testing.assert_close(
                network(stack)[1:2], network(stack[1:2]), rtol=1e-4, atol=1e-5
            )

    def test_under_bfloat16_autocast_logits_stay_close_and_gradients_finite(self) -> None:
        network = self.small()
        stack = self.stack()
        torch.manual_seed(3)  # dropout
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network(stack)
        rounded.float().square().mean().backward()
        torch.manual_seed(3)
        exact = network(stack)
        assert (rounded.float() - exact).norm() < 0.1 * exact.norm()
        assert all(
            torch.isfinite(parameter.grad).all()
            for name, parameter in network.named_parameters()
            if name not in self.unused
        )

    def test_pretrained_parameters_are_its_own(self) -> None:
        network = self.small()
        own = {id(parameter) for parameter in network.parameters()}
        assert all(
            id(parameter) in own for parameter in getattr(network, "pretrained_parameters", list)()
        )
