"""A real Apache Kafka on this machine, for as long as a program wants it.

with LocalBroker.temporary() as broker:
    produce_to(broker.bootstrap)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import kept_folder, local_dir
from telematics.stream.local.jars import class_path
from telematics.stream.local.java import find_java
from telematics.stream.local.keeper import STOP_DEADLINE_S, Order


class LocalBroker:
    """One broker and its keeper process. Everything here blocks; from a coroutine, call it in a thread.

    Attributes:
        bootstrap: `host:port` for clients, the same over every `kill` and `start`.
        folder: where its data, `server.properties` and `server.log` are.
        java_pid: process id of the present JVM.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._keeper: subprocess.Popen[str] | None = None
        self.bootstrap = ""
        self.folder = Path()
        self.java_pid = 0

    @classmethod
    def temporary(cls, *, java: str | None = None, sustained: bool = False) -> Self:
        """A broker on a free port whose data vanishes with it, or with this process, however that ends.

        Args:
            java: as `find_java` takes it; from `TELEMATICS_LOCAL_JAVA` when None.
            sustained: take twice the time to start and be faster under load, for measuring.

        Raises:
            LocalBrokerError: no Java, or no network at the first start (the jars are downloaded here).
        """
        return cls(_order(java, quick=not sustained))

    @classmethod
    def kept(cls, *, port: int, folder: Path | None = None, java: str | None = None) -> Self:
        """A broker on `port` whose data stays in `folder` (the user's own when None) for the next time."""
        return cls(_order(java, quick=False, folder=folder or kept_folder(), port=port))

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

    def start(self) -> None:
        """Start the node and wait until it is ready: 4 to 6 s; after `kill`, on the same data and port.

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
        started = self._ask("start")
        self.bootstrap = started["bootstrap"]
        self.folder = Path(started["folder"])
        self.java_pid = started["java_pid"]

    def kill(self) -> None:
        """End the JVM at once, as a power cut would. `start` brings the broker back."""
        self._ask("kill")

    def wait(self) -> str:
        """Block until the broker ends by itself or is stopped from elsewhere; returns why, empty if it was asked."""
        assert self._keeper is not None  # noqa: S101 - nothing to wait for before `start`
        assert self._keeper.stdout is not None  # noqa: S101 - a pipe
        last = self._keeper.stdout.readline()
        return str(json.loads(last).get("error", "")) if last else ""

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

    def _ask(self, command: str) -> dict[str, Any]:
        if self._keeper is None or self._keeper.stdin is None or self._keeper.stdout is None:
            raise LocalBrokerError("the local Kafka was not started")
        try:
            self._keeper.stdin.write(command + "\n")
            self._keeper.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its last line says why
        line = self._keeper.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the keeper of the local Kafka was ended"}
        if "error" in answer:
            self.close()
            raise LocalBrokerError(answer["error"])
        return answer


def _order(java: str | None, *, quick: bool, folder: Path | None = None, port: int | None = None) -> Order:
    runtime = find_java(java)
    jars = class_path(local_dir() / "jars")
    return Order(
        java=str(runtime.command),
        class_path=[str(jar) for jar in jars],
        folder=None if folder is None else str(folder),
        port=port,
        quick=quick,
    )
