"""The brokers of a run: one at a time is killed, and the next only when every copy of everything is whole again."""

from __future__ import annotations

import asyncio
import contextlib

from aiokafka.errors import KafkaError

from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.local.broker import LocalBroker
from tests.chaos.faults import Fault
from tests.chaos.journal import Note
from tests.support.monitors import eventually

# A broker starts in 6 s on an idle machine; what it missed is copied in a second or two.
_WHOLE_WITHIN_S = 120.0


class Brokers:
    """Kills brokers and starts them again; `restarts` counts."""

    def __init__(self, kafka: LocalBroker, settings: Settings, note: Note) -> None:
        self.restarts = 0
        self._kafka = kafka
        self._settings = settings
        self._note = note
        self._one = asyncio.Lock()

    async def do(self, fault: Fault) -> None:
        """Kill a broker, start it after `much` seconds, and return when it has caught up."""
        async with self._one:
            node = sorted(self._kafka.java_pids)[int(fault.whom * len(self._kafka.java_pids))]
            self._note(f"kill broker {node} for {fault.much:g} s")
            await asyncio.to_thread(self._kafka.kill, node)
            await asyncio.sleep(fault.much)
            await asyncio.to_thread(self._kafka.start, node)
            self._note(f"broker {node} is back")
            await self.until_whole()
            self._note("every partition has all its copies")
            self.restarts += 1

    async def until_whole(self) -> None:
        """Until every partition of every topic, Kafka's own too, has all its copies in step."""
        await eventually(self._whole, "all copies of all partitions in step", _WHOLE_WITHIN_S)

    async def _whole(self) -> bool:
        client = connection.admin(self._settings.kafka)
        try:
            await client.start()
            topics = await client.describe_topics()
        except (KafkaError, OSError):
            return False
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await client.close()
        return all(
            len(partition["isr"]) == len(partition["replicas"]) for topic in topics for partition in topic["partitions"]
        )
