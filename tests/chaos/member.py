"""`telematics monitor` with the means to fail: `python -m tests.chaos.member monitor …` takes its arguments.

Orders come in by standard input, one a line, and what came of them goes out by standard output:

    at POINT DEED    the next commit that passes this point is killed, paused or cut off there; "hit POINT DEED WHERE"
    cut SECONDS      every connection is cut, and for so long none can be made
    clock SECONDS    the wall clock jumps, from where it is

Nothing else of the monitor is touched, and a member without orders is the monitor as users run it. When its parent ends,
so does the member: whatever becomes of the suite, nothing of it stays behind.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.chaos.faults import Deed, Point


class WallClock:
    """What Python takes for the wall clock, apart from what is written in C (the stamps of the log)."""

    def __init__(self) -> None:
        self._ahead_ns = 0
        self._time_ns = time.time_ns

    def install(self) -> None:
        """Before anybody has kept a `time.time` of its own."""
        time.time = lambda: self._now_ns() / 1e9
        time.time_ns = self._now_ns

    def step(self, seconds: float) -> None:
        """Jump."""
        self._ahead_ns += round(seconds * 1e9)

    def _now_ns(self) -> int:
        return self._time_ns() + self._ahead_ns


class Faulty:
    """The points of a commit, and the connections, of this process."""

    def __init__(self) -> None:
        self._armed: dict[Point, Deed] = {}
        self._dark_until_s = 0.0

    def install(self) -> None:
        """Put ourselves between the monitor and aiokafka."""
        from aiokafka import AIOKafkaProducer  # noqa: PLC0415  (after the wall clock is ours)
        from aiokafka.client import AIOKafkaClient  # noqa: PLC0415
        from aiokafka.conn import AIOKafkaConnection  # noqa: PLC0415
        from aiokafka.protocol.transaction import EndTxnRequest  # noqa: PLC0415

        def around(name: str, before: Point | None, after: Point | None) -> None:
            original: Callable[..., Awaitable[Any]] = getattr(AIOKafkaProducer, name)

            async def wrapped(producer: Any, *args: Any) -> None:
                where = producer._txn_manager.transactional_id
                self._pass(before, where)
                await original(producer, *args)
                self._pass(after, where)

            setattr(AIOKafkaProducer, name, wrapped)

        around("begin_transaction", Point.BEFORE_BEGIN, None)
        # Every record is confirmed by then.
        around("send_offsets_to_transaction", Point.AFTER_SEND, Point.AFTER_OFFSETS)
        around("commit_transaction", Point.BEFORE_COMMIT, Point.AFTER_COMMIT)
        clients: Any = AIOKafkaClient
        connections: Any = AIOKafkaConnection
        send, connect = clients.send, connections.connect

        async def sent(client: Any, node_id: int, request: Any, **options: Any) -> Any:
            if Point.IN_COMMIT not in self._armed or not isinstance(request, EndTxnRequest):
                return await send(client, node_id, request, **options)
            answer = asyncio.ensure_future(send(client, node_id, request, **options))
            # Time for it to leave, and not enough for three brokers to agree and answer.
            await asyncio.sleep(0.001)
            self._pass(Point.IN_COMMIT, request._transactional_id)
            return await answer

        async def connected(connection: Any) -> Any:
            if time.monotonic() < self._dark_until_s:
                raise ConnectionRefusedError("the chaos suite has cut the connections")
            return await connect(connection)

        clients.send = sent
        connections.connect = connected

    def arm(self, point: Point, deed: Deed) -> None:
        """Fail at the next pass of a point."""
        self._armed[point] = deed

    def cut(self, seconds: float) -> None:
        """Cut every connection of this process, and refuse new ones to Kafka for a while."""
        self._dark_until_s = time.monotonic() + seconds
        for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
            try:
                with socket.socket(fileno=os.dup(number)) as connection:
                    if connection.family in {socket.AF_INET, socket.AF_INET6}:
                        connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # no socket, or one without another end

    def _pass(self, point: Point | None, where: str) -> None:
        deed = None if point is None else self._armed.pop(point, None)
        if deed is None:
            return
        _tell(f"hit {point} {deed} {where}")
        match deed:
            case Deed.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Deed.PAUSE:
                os.kill(os.getpid(), signal.SIGSTOP)
            case _:
                self.cut(0)


def _end_with_parent() -> None:
    """On Linux also while stopped, when the end of the input would not be noticed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _obey(faulty: Faulty, clock: WallClock) -> None:
    for line in sys.stdin:
        match line.split():
            case ["at", point, deed]:
                faulty.arm(Point(point), Deed(deed))
            case ["cut", seconds]:
                faulty.cut(float(seconds))
            case ["clock", seconds]:
                clock.step(float(seconds))
            case _:
                _tell(f"not understood: {line.strip()}")
    os.kill(os.getpid(), signal.SIGKILL)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Be a monitor that can be told to fail."""
    _end_with_parent()
    clock, faulty = WallClock(), Faulty()
    clock.install()
    faulty.install()
    threading.Thread(target=_obey, args=(faulty, clock), daemon=True).start()
    from telematics.cli import main as telematics  # noqa: PLC0415  (after the wall clock is ours)

    telematics()


if __name__ == "__main__":
    main()
