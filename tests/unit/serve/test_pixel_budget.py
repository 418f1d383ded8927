"""Pixels in work are bounded, in the order of arrival, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from saywhere.errors import Busy
from saywhere.serve.pixel_budget import PixelBudget


class Calls:
    """Calls that hold their pixels until they are told to end."""

    def __init__(self, most: int = 100, patience_s: float = 20.0) -> None:
        self.budget = PixelBudget(most, patience_s, small=5)
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    def start(self, name: str, n_pixels: int) -> asyncio.Task[None]:
        self.ends[name] = asyncio.Event()

        async def call() -> None:
            async with self.budget.reserve(n_pixels):
                self.begun.append(name)
                await self.ends[name].wait()

        return asyncio.ensure_future(call())

    async def begin(self, **sizes: int) -> list[asyncio.Task[None]]:
        tasks = [self.start(name, n_pixels) for name, n_pixels in sizes.items()]
        await asyncio.sleep(0.01)
        return tasks

    async def end(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()
        await asyncio.sleep(0.01)


def in_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


@in_loop
async def test_who_does_not_fit_waits_for_its_turn() -> None:
    calls = Calls()
    await calls.begin(a=60, b=60, c=30)
    assert calls.begun == ["a"], "c would fit, and b came first"
    await calls.end("a")
    assert calls.begun == ["a", "b", "c"]
    await calls.end("b", "c")
    assert calls.budget.n_taken == 0


@in_loop
async def test_a_small_one_waits_for_nobody() -> None:
    calls = Calls()
    await calls.begin(a=100, b=100, small=5)
    assert calls.begun == ["a", "small"]
    await calls.end("a", "b", "small")
    assert calls.budget.n_taken == 0


@in_loop
async def test_one_that_is_larger_than_all_there_is_is_taken_on_alone() -> None:
    calls = Calls()
    await calls.begin(a=10, large=1000, b=10)
    assert calls.begun == ["a"]
    await calls.end("a")
    assert calls.begun == ["a", "large"]
    await calls.end("large")
    assert calls.begun == ["a", "large", "b"]
    await calls.end("b")


@in_loop
async def test_who_waits_too_long_may_come_back() -> None:
    calls = Calls(patience_s=0.05)
    _, late, behind = await calls.begin(a=60, b=60, c=40)
    with pytest.raises(Busy, match="100 pixels at once") as refused:
        await late
    assert refused.value.retry_after_s > 0
    await calls.end("a")
    assert behind.done() or calls.begun == ["a", "c"]
    await calls.end("c")
    assert calls.budget.n_taken == 0


@in_loop
async def test_who_leaves_while_waiting_leaves_room() -> None:
    calls = Calls()
    _, left, _ = await calls.begin(a=60, b=90, c=40)
    assert calls.begun == ["a"]
    left.cancel()
    await asyncio.sleep(0.01)
    assert calls.begun == ["a", "c"]
    await calls.end("a", "c")
    assert calls.budget.n_taken == 0


@in_loop
async def test_who_leaves_at_the_moment_of_its_turn_gives_it_back() -> None:
    calls = Calls()
    _, left = await calls.begin(a=60, b=90)
    calls.ends["a"].set()
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    assert calls.budget.n_taken == 0


@asynccontextmanager
async def failing(budget: PixelBudget) -> AsyncIterator[None]:
    async with budget.reserve(50):
        yield


@in_loop
async def test_what_a_failed_call_held_is_given_back() -> None:
    budget = PixelBudget(100, small=5)
    with pytest.raises(ArithmeticError):
        async with failing(budget):
            raise ArithmeticError
    assert budget.n_taken == 0
