"""Ticks: on a live topic the owner of a partition appends a record every few seconds that only carries time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from telematics.settings import Settings
from telematics.stream import connection
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE


async def tick(settings: Settings, owned: Callable[[], Collection[int]], link: connection.Link) -> None:
    """Append a tick to each owned partition, for ever; the broker stamps it.

    A tick that could not be written is not made up for: its time has passed, and a dead broker stops time.
    """
    producer: AIOKafkaProducer | None = None
    try:
        while True:
            try:
                if producer is None:
                    producer = connection.tick_producer(settings.kafka)
                    await producer.start()
                async with asyncio.timeout(settings.tick_interval_s):
                    await _tick_all(producer, settings.topics.pings, owned())
            except (KafkaError, OSError, TimeoutError) as error:
                await link.lost(error, "Write")
                if producer is not None:
                    await connection.ended(producer, 0)
                producer = None
            await asyncio.sleep(settings.tick_interval_s)
    finally:
        if producer is not None:
            await connection.ended(producer)


async def _tick_all(producer: AIOKafkaProducer, topic: str, partitions: Collection[int]) -> None:
    sent = [await producer.send(topic, TICK_VALUE, partition=number, headers=TICK_HEADERS) for number in partitions]
    await asyncio.gather(*sent)
