"""What a network accepts: number of channels and sides, checked before the first convolution."""

from __future__ import annotations

from torch import Tensor

from saywhere.errors import UsageError


def check_stack(
    stack: Tensor,
    network: str,
    in_channels: int,
    smallest: int,
    multiple: int = 1,
    largest: int | None = None,
) -> None:
    """Refuse a stack that a network cannot take.

    Args:
        stack: (batch, channel, height, width).
        network: its name, for the message.
        in_channels: that it was built with.
        smallest: side that it takes, px.
        multiple: what its sides must be a multiple of, px.
        largest: side that it takes, px; None for any.

    Raises:
        UsageError: the message names the shape and the allowed sizes.
    """
    shape = tuple(stack.shape)
    if len(shape) != 4 or shape[1] != in_channels:
        rule = f"it takes (batch, {in_channels}, height, width)"
        raise UsageError(
            f"a stack of shape {shape}",
            where=network,
            allowed=rule,
            remedy="build the network with the stack's number of channels",
        )
    if largest is not None and max(shape[2:]) > largest:
        raise UsageError(
            f"a stack of shape {shape}",
            where=network,
            allowed=f"height and width must be at most {largest} px",
            remedy=f"try {largest}×{largest}",
        )
    if min(shape[2:]) < smallest or shape[2] % multiple or shape[3] % multiple:
        rule = f"height and width must be at least {smallest} px" + (
            f" and multiples of {multiple}" if multiple > 1 else ""
        )
        height, width = (_near(side, smallest, multiple) for side in shape[2:])
        raise UsageError(
            f"a stack of shape {shape}", where=network, allowed=rule, remedy=f"try {height}×{width}"
        )


def _near(side: int, smallest: int, multiple: int) -> int:
    """The allowed side nearest to `side`."""
    # The smallest side is rounded up to a multiple.
    return max(round(side / multiple), -(-smallest // multiple)) * multiple
