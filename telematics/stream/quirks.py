"""What aiokafka does that we cannot have, mended in one place.

What it logs, how it closes TLS, how it looks for leaders and coordinators, how long it waits between transactions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.producer import sender

_close: Callable[..., Any] = AIOKafkaConnection.close
_update: Callable[..., Awaitable[bool]] = AIOKafkaClient._metadata_update  # noqa: SLF001
_look_up: Callable[..., Awaitable[int]] = AIOKafkaClient.coordinator_lookup

# As aiokafka waits between two tries of anything else.
_LOOK_AGAIN_S = 0.1
# A broker that still writes the end of the last transaction refuses the next one's beginning; mostly it has done so after
# a few ms. aiokafka asks again after 20: an alert that follows another closely took 34 ms to commit, and takes 17.
_BEGIN_AGAIN_S = 0.005


def mend() -> None:
    """Do it for every client of this process; again is harmless."""
    logging.getLogger("aiokafka.conn").addFilter(_tells_no_sign_in)
    logging.getLogger("asyncio").addFilter(_is_no_echo)
    AIOKafkaConnection.close = _close_at_once  # type: ignore[method-assign]
    AIOKafkaClient._metadata_update = _update_patiently  # type: ignore[method-assign]  # noqa: SLF001
    AIOKafkaClient.coordinator_lookup = _look_up_when_known  # type: ignore[method-assign]
    sender.BACKOFF_OVERRIDE = _BEGIN_AGAIN_S


def _tells_no_sign_in(record: logging.LogRecord) -> bool:
    # At debug level every request is written with all its fields: of a sign-in by PLAIN, the password; of one by SCRAM,
    # what it can be guessed from.
    values = record.args if isinstance(record.args, tuple) else ()
    return not any(type(value).__name__.startswith("SaslAuthenticate") for value in values)


def _is_no_echo(record: logging.LogRecord) -> bool:
    # A connection that broke, a transaction that failed: whoever used it is told. A stream or a future inside keeps the
    # error too, nobody asks it, and asyncio complains of that with a traceback.
    if not record.exc_info or not isinstance(record.exc_info[1], OSError | KafkaError):
        return True
    return not record.getMessage().startswith("Future exception was never retrieved")


def _close_at_once(self: AIOKafkaConnection, reason: Any = None, exc: BaseException | None = None) -> Any:
    """Close without the goodbyes of TLS.

    Whoever stops a client waits until its connections are closed, and TLS closes when the other side has answered our
    goodbye. In the middle of a large answer nobody reads any more, so that ours is not seen either: 30 s a client.
    """
    transport = self._writer.transport if self._writer is not None else None
    closed = _close(self, reason=reason, exc=exc)
    if transport is not None and self._ssl_context is not None:
        transport.abort()
    return closed


async def _update_patiently(self: AIOKafkaClient, cluster: ClusterMetadata, topics: Iterable[str] | None) -> bool:
    """Ask which broker leads what, and wait a little before the answer is used while a leader is missing.

    Whoever reads or writes a partition that has none asks again at once, as fast as the broker answers: for a topic that
    was deleted, half a core of ours and as much of the broker's.
    """
    updated = await _update(self, cluster, topics)
    if not updated or any(not _is_led(cluster, topic) for topic in topics or ()):
        await asyncio.sleep(_LOOK_AGAIN_S)
    return updated


async def _look_up_when_known(self: AIOKafkaClient, coordinator_type: Any, key: str) -> int:
    """Ask who coordinates a group or its transactions, and have it asked again where no broker is known to ask.

    A broker that comes to itself after a pause may answer for a moment that there are none. aiokafka asserts that there are,
    and with that the consumer ended for good.
    """
    if self.get_random_node() is None:
        raise NodeNotReadyError
    return await _look_up(self, coordinator_type, key)


def _is_led(cluster: ClusterMetadata, topic: str) -> bool:
    partitions = cluster.partitions_for_topic(topic)
    return partitions is not None and partitions == cluster.available_partitions_for_topic(topic)
