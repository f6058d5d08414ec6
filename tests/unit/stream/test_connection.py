"""Clients of aiokafka that do not end when they are told to."""

from __future__ import annotations

import asyncio

from telematics.stream import connection


class Stuck:
    """A client like aiokafka's: both ways to end it wait for the same connection, which a dead broker does not close."""

    def __init__(self) -> None:
        self._client = self
        self._closed = asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """The polite way."""
        await asyncio.gather(self._closed)

    async def close(self) -> None:
        """The other way."""
        await asyncio.gather(self._closed)


async def test_giving_up_a_client_is_nobody_elses_cancellation() -> None:
    """Whoever ends a client that is stuck goes on; a cancellation inside of the client stays there."""
    stuck = Stuck()
    await connection.ended(stuck, 0.01)
    assert stuck._closed.cancelled()
