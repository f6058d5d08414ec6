"""Simulated records into Kafka's sim topics, stamped with their simulated arrival.

Explicit partitions and one idempotent producer keep each partition's records in order, so its timestamps never
decrease. Truth never goes this way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from simulators.merge import Kind, Record
from telematics.errors import BrokerError, UserError
from telematics.wire.ticks import TICK_HEADERS

if TYPE_CHECKING:
    from asyncio import Future

LINGER_MS = 5
"""One wait of the pace: what is sent together may travel together."""
FLUSH_EVERY = 20_000
"""Records between two looks at what became of them: bounds what is in memory when the broker is slow."""


class Kafka:
    """Takes records one by one; an asynchronous context, at whose end everything is with the broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._topics = {Kind.PING: f"{prefix}pings", Kind.TICK: f"{prefix}pings", Kind.TRIP: f"{prefix}trips"}
        self._pending: list[Future[Any]] = []
        self._trips_only = True

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, enable_idempotence=True, linger_ms=LINGER_MS, max_batch_size=131_072
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise BrokerError(f"no Kafka answers at {self._bootstrap}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def partitions(self) -> int:
        """Return the number of partitions of the pings topic. Raises UserError if the topics do not suit."""
        topics = sorted({self._topics[Kind.PING], self._topics[Kind.TRIP]})
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            found = {
                t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(topics) if not t["error_code"]
            }
            if missing := [topic for topic in topics if topic not in found]:
                raise UserError(
                    f"{self._bootstrap} has no topic {', '.join(missing)}: "
                    f"`telematics topics create --profile sim --prefix {self._prefix}` makes it"
                )
            for topic in topics:
                await self._refuse_live(admin, topic)
        except KafkaError as error:
            raise BrokerError(f"{self._bootstrap} does not say what topics it has: {error}") from error
        finally:
            await admin.close()
        return found[self._topics[Kind.PING]]

    async def _refuse_live(self, admin: AIOKafkaAdminClient, topic: str) -> None:
        """Simulated trucks never drive among real ones, and a live topic would stamp its own time over theirs."""
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        resources = [resource for answer in answers for resource in answer.resources]  # type: ignore[attr-defined]
        config = {entry[0]: entry[1] for *_, entries in resources for entry in entries}
        if config.get("message.timestamp.type") != "CreateTime":
            raise UserError(f"{topic} is a live topic; simulations write to sim topics only (--prefix sim.telematics.)")

    async def write(self, record: Record) -> None:
        """Send one record; truth is passed over. Raises BrokerError when an earlier one was refused."""
        kind = record.kind
        if kind is Kind.TRUTH:
            return
        if self._trips_only and kind is Kind.PING:
            # The trips that apply from the start on are readable before the first ping is.
            self._trips_only = False
            await self.flush()
        headers = TICK_HEADERS if kind is Kind.TICK else None
        # The trips topic has partitions of its own: there the client's partitioner, Kafka's default, may choose.
        partition = None if kind is Kind.TRIP else record.partition
        try:
            sent = await self._producer.send(
                self._topics[kind], record.value, record.key, partition, record.arrival, headers
            )
        except KafkaError as error:
            raise BrokerError(f"{self._bootstrap} takes no records: {error}") from error
        self._pending.append(sent)
        if len(self._pending) >= FLUSH_EVERY:
            await self.flush()

    async def flush(self) -> None:
        """Wait until the broker has everything sent so far."""
        pending, self._pending = self._pending, []
        try:
            await asyncio.gather(*pending)
        except KafkaError as error:
            raise BrokerError(f"{self._bootstrap} refused a record: {error}") from error
