"""A real Apache Kafka on this machine, for as long as a program wants it.

with LocalBroker.temporary(nodes=3) as broker:
    produce_to(broker.bootstrap)
    broker.kill(2)
    broker.start(2)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import kept_folder, local_dir
from telematics.stream.local.jars import class_path
from telematics.stream.local.java import find_java
from telematics.stream.local.keeper import STOP_DEADLINE_S, Order

# Two would be worse than one: either's end is the end of both.
Nodes = Literal[1, 3]

KEEPER_ENDED = "the keeper of the local Kafka was ended, and the local Kafka with it; start it again"


class LocalBroker:
    """A Kafka of one node or three, and its keeper process. All of it blocks: from a coroutine, call it in a thread.

    Attributes:
        bootstrap: `host:port` of each node for clients, with commas, the same over every `kill` and `start`.
        folder: where its data, `server.properties` and `server.log` are; of three, in `node-1` to `node-3` below it.
        java_pids: process id of each JVM that was started and not killed, by the number of its node, from 1.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._keeper: subprocess.Popen[str] | None = None
        self.bootstrap = ""
        self.folder = Path()
        self.java_pids: dict[int, int] = {}

    @classmethod
    def temporary(
        cls,
        *,
        nodes: Nodes = 1,
        java: str | None = None,
        sustained: bool = False,
        properties: dict[str, str] | None = None,
    ) -> Self:
        """A broker on free ports whose data vanish with it, or with this process, however that ends.

        Args:
            nodes: 1, or 3 for a cluster with three copies of everything, of which two confirm.
            java: as `find_java` takes it; from `TELEMATICS_LOCAL_JAVA` when None.
            sustained: take twice the time to start and be faster under load, for measuring.
            properties: of the server, beside its own; further listeners come after the one without protection.

        Raises:
            LocalBrokerError: no Java, or no network at the first start (the jars are downloaded here).
        """
        return cls(_order(java, nodes, quick=not sustained, properties=properties))

    @classmethod
    def kept(cls, *, port: int, nodes: Nodes = 1, folder: Path | None = None, java: str | None = None) -> Self:
        """A broker on `port`, and the ports after it, whose data stay in `folder` (the user's own when None)."""
        return cls(_order(java, nodes, quick=False, folder=folder or kept_folder(), port=port))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, *nodes: int) -> None:
        """Start these nodes, or all that are down, and wait until they are ready; after `kill`, on the same data.

        One node takes 4 to 6 s, three together about twice that. Two of three must run after it.

        Raises:
            LocalBrokerError: it did not start; the text says why and what to do, and nothing of it is left.
        """
        if self._keeper is None:
            self._keeper = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "telematics.stream.local.keeper", self._order.to_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self._ask("start", nodes)

    def kill(self, *nodes: int) -> None:
        """End the JVMs of these nodes, or all, at once, as a power cut would. `start` brings them back."""
        self._ask("kill", nodes)

    def wait(self) -> str:
        """Block until the broker ends by itself or is stopped from elsewhere; returns why, empty if it was asked."""
        assert self._keeper is not None  # noqa: S101 - nothing to wait for before `start`
        assert self._keeper.stdout is not None  # noqa: S101 - a pipe
        last = self._keeper.stdout.readline()
        if last:
            return str(json.loads(last)["error"])
        return "" if self._keeper.wait() == 0 else KEEPER_ENDED

    def close(self) -> None:
        """End the broker; a temporary one's folder goes with it. Harmless when it has ended."""
        if self._keeper is None:
            return
        with self._keeper:  # closes the pipe, which tells the keeper to end, and waits for it
            try:
                self._keeper.communicate(timeout=STOP_DEADLINE_S + 10)
            except subprocess.TimeoutExpired:
                self._keeper.kill()
        if self._order.folder is None and self.bootstrap:
            shutil.rmtree(self.folder, ignore_errors=True)  # left only by a keeper that was itself killed
        self._keeper = None

    def _ask(self, command: str, nodes: tuple[int, ...]) -> None:
        if self._keeper is None or self._keeper.stdin is None or self._keeper.stdout is None:
            raise LocalBrokerError("the local Kafka was not started")
        unknown = set(nodes) - set(range(1, self._order.nodes + 1))
        if unknown:
            raise ValueError(f"no node {min(unknown)}: they are numbered from 1 to {self._order.nodes}")
        try:
            self._keeper.stdin.write(" ".join([command, *map(str, nodes)]) + "\n")
            self._keeper.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its last line says why
        line = self._keeper.stdout.readline()
        state: dict[str, Any] = json.loads(line) if line else {"error": KEEPER_ENDED}
        if "error" in state:
            self.close()
            raise LocalBrokerError(state["error"])
        self.bootstrap = state["bootstrap"]
        self.folder = Path(state["folder"])
        self.java_pids = {int(number): pid for number, pid in state["java_pids"].items()}


def _order(
    java: str | None,
    nodes: Nodes,
    *,
    quick: bool,
    folder: Path | None = None,
    port: int | None = None,
    properties: dict[str, str] | None = None,
) -> Order:
    runtime = find_java(java)
    jars = class_path(local_dir() / "jars")
    return Order(
        java=str(runtime.command),
        class_path=[str(jar) for jar in jars],
        nodes=nodes,
        folder=None if folder is None else str(folder),
        port=port,
        quick=quick,
        properties=properties,
    )
