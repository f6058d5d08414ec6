"""What every process that runs until it is told to stop has in common, whatever it does in between.

Metrics and health beside the work, patience at the beginning, a deadline at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Protocol, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from telematics.errors import BrokerError
from telematics.http import Check, HealthServer
from telematics.settings import HttpSettings
from telematics.stream.connection import Link, backoff_s

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Service(Protocol):
    """What can be run."""

    def stop(self) -> None:
        """Begin nothing more, make durable what is in hand, leave."""
        ...

    def checks(self) -> Mapping[str, Check]:
        """What `/readyz` lists."""
        ...

    async def run(self) -> None:
        """Work until `stop`. Raises what ended it otherwise."""
        ...


async def serve(http: HttpSettings, registry: CollectorRegistry, service: Service) -> None:
    """Run it, with metrics and health, until SIGTERM or SIGINT.

    Raises UserError when the port is taken, and what ended the service otherwise.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    try:
        async with HealthServer(http.host, http.port, registry, service.checks) as server:
            log.info("listening", host=server.host, port=server.port)
            await service.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def patiently(attempt: Callable[[], Awaitable[T]], link: Link, stopping: asyncio.Event) -> T | None:
    """What the first attempt that reaches the broker gives; None when we were stopped before."""
    for wait_s in backoff_s():
        if stopping.is_set():
            break
        try:
            result = await attempt()
        except BrokerError as error:
            await link.lost(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)
        else:
            link.found()
            return result
    return None


async def until_stopped(work: Coroutine[None, None, None], stopping: asyncio.Event, deadline_s: float) -> bool:
    """Work that ends by itself once `stopping` is set; False when it had to be broken off at the deadline after that."""
    working = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=deadline_s)
        if not working.done():
            return False
        working.result()
        return True
    finally:
        working.cancel()
        stopped.cancel()
