"""The process between a program and its local Kafka: whatever becomes of the program, nothing stays behind.

The keeper's standard input is a pipe whose other end only the parent holds. Commands come in by it, one a line,
and its end is the command to end: a parent that was killed with -9 has closed it too. So the JVMs, the ports and
a temporary folder are always the keeper's to take away, and the keeper always lives to do it. It runs in a session
of its own, so that a Ctrl-C meant for the parent does not reach the JVM first.

    start [N …]   start these nodes, or all that are down, on the same data and ports each time; answered when
                  they are ready
    kill [N …]    end these nodes' JVMs, or all, as a power cut would; the data stay, for the next `start`
    (end)         end the JVMs, remove a temporary folder, exit

Each answer is one line of JSON on standard output. A JVM that ends unasked is named on standard error, and the other
nodes go on; when too few are left to decide anything, the keeper says so as its last answer and ends too.
Nothing of Kafka's clients is imported here: it starts quickly and outlives a parent at the cost of 15 MB.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from telematics.stream.local import node
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import NEEDED_BYTES, unusable, usable
from telematics.stream.local.jvm import Jvm

# Two cores that were busy with ten other things have needed 60 s; idle ones need 4.
START_DEADLINE_S = 180.0
STOP_DEADLINE_S = 20.0
_POLL_S = 0.1

# In the folder of a kept broker: held while a keeper lives, and who that is.
LOCK = "keeper.lock"
STATE = "broker.json"

# What the folder of a kept broker holds, by its number of nodes: one node's things lie in it directly.
_HOLDS = {1: "data", 3: "node-1"}


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent wants kept.

    `folder` None asks for a temporary one, and JVMs that are killed rather than stopped at the end: nobody will
    read their data again. `port` is the first node's, the others take those after it; None asks for any free ones.
    `quick` starts in half the time and has less to give under load. `properties` are the servers', beside what
    `node.properties` gives them.
    """

    java: str
    class_path: list[str]
    nodes: int = 1
    folder: str | None = None
    port: int | None = None
    quick: bool = True
    properties: dict[str, str] | None = None

    def to_json(self) -> str:
        """As the keeper takes it, as its one argument."""
        return json.dumps(asdict(self))


class Parent:
    """The pipe to the parent: lines as they come, and whether it is still there."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._pid = os.getppid()
        self._pending = b""

    def command(self, timeout_s: float) -> str | None:
        """The next line, or None when none came in time. Raises EOFError when the parent is gone."""
        # A fork of the parent's may hold the pipe open longer than the parent lives: its pid tells as well.
        if os.getppid() != self._pid:
            raise EOFError
        if b"\n" not in self._pending and select.select([self._pipe], [], [], timeout_s)[0]:
            read = os.read(self._pipe, 4096)
            if not read:
                raise EOFError
            self._pending += read
        line, found, rest = self._pending.partition(b"\n")
        if not found:
            return None
        self._pending = rest
        return line.decode()

    def answer(self, **fields: object) -> None:
        """One line of JSON to the parent."""
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


class Keeper:
    """The nodes: their folder, their ports and, while they run, their JVMs."""

    def __init__(self, order: Order, parent: Parent) -> None:
        self._order = order
        self._parent = parent
        self._temporary = order.folder is None
        self._folder = Path(order.folder or tempfile.mkdtemp(prefix="telematics-kafka-"))
        self._lock: IO[str] | None = None
        self._jvms: list[Jvm] = []

    def serve(self) -> None:
        """Do what the parent says until it is gone or too many JVMs have ended unasked."""
        self._prepare()
        while True:
            command, *numbers = (self._parent.command(_POLL_S * 5) or "look").split()
            self._look_after()
            named = [jvm for jvm in self._jvms if not numbers or str(jvm.node.number) in numbers]
            if command == "start":
                self._start([jvm for jvm in named if jvm.pid is None])
                self._parent.answer(**self._state())
            elif command == "kill":
                self._end_jvms(named, signal.SIGKILL)
                self._write_state()
                self._parent.answer(**self._state())

    def close(self) -> None:
        """End the JVMs and leave nothing that was not asked to be kept."""
        if self._lock is not None:
            (self._folder / STATE).unlink(missing_ok=True)
            self._end_jvms(self._jvms, signal.SIGKILL if self._temporary else signal.SIGTERM)
            self._lock.close()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> None:
        self._require_ours()
        usable(self._folder, needed_bytes=self._order.nodes * NEEDED_BYTES)
        self._take_lock()
        cluster = node.nodes(self._order.nodes, self._order.port)
        self._jvms = [
            Jvm(self._order.java, self._order.class_path, each, self._node_folder(each.number), quick=self._order.quick)
            for each in cluster
        ]
        for jvm in self._jvms:
            jvm.require_own_data()
        node.require_free([each.port for each in cluster])
        for jvm in self._jvms:
            jvm.prepare(node.properties(jvm.folder, jvm.node, cluster, self._order.properties))
        self._write_state()

    def _node_folder(self, number: int) -> Path:
        return self._folder if self._order.nodes == 1 else self._folder / f"node-{number}"

    def _require_ours(self) -> None:
        """Raises LocalBrokerError when the folder holds what no keeper of as many nodes has put there."""
        if self._folder.is_dir() and not (self._folder / LOCK).exists():
            strange = next((path.name for path in self._folder.iterdir()), None)
            if strange:
                raise LocalBrokerError(
                    f"{self._folder} holds other things ({strange}) and no local Kafka; give it a folder of its own"
                )
        asked, other = (1, 3) if self._order.nodes == 1 else (3, 1)
        if (self._folder / _HOLDS[other]).exists():
            raise LocalBrokerError(
                f"{self._folder} keeps a local Kafka with --nodes {other} and cannot be run with --nodes {asked};"
                f" say --nodes {other}, or start in another folder with --folder; nothing was changed"
            )

    def _take_lock(self) -> None:
        """Hold the folder for as long as we live; a former keeper that is ending has its time to do so."""
        lock = (self._folder / LOCK).open("w")
        deadline = time.monotonic() + STOP_DEADLINE_S
        while self._lock is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                # A keeper removes its state before it begins to end.
                if (self._folder / STATE).exists() or time.monotonic() > deadline:
                    lock.close()
                    raise LocalBrokerError(
                        f"a local Kafka is running in {self._folder} already; see `telematics broker status`,"
                        " or end it with `telematics broker stop`"
                    ) from error
                self._parent.command(_POLL_S)
            else:
                self._lock = lock
        # Left by a keeper that was killed: its process ids are somebody else's by now.
        (self._folder / STATE).unlink(missing_ok=True)

    def _start(self, starting: list[Jvm]) -> None:
        """Start these nodes, all at once, and wait until each knows all of them as live."""
        node.require_free([jvm.node.port for jvm in starting])
        up = sum(jvm.pid is not None or jvm in starting for jvm in self._jvms)
        if not self._is_majority(up):
            raise LocalBrokerError(
                f"{up} of {len(self._jvms)} nodes cannot work: a majority must run; start more of them at once"
            )
        numbers = {jvm.node.number for jvm in starting}
        fresh = [jvm for jvm in starting if not jvm.is_formatted()]
        for jvm in fresh:
            jvm.format()
        self._wait_until(lambda jvm: jvm.ended() == 0, fresh, "could not prepare its data folder")
        for jvm in starting:
            jvm.serve()
        self._wait_until(lambda jvm: node.live_nodes(jvm.node.port) >= numbers, starting, "did not start")
        self._write_state()

    def _wait_until(self, done: Callable[[Jvm], bool], waiting: list[Jvm], failure: str) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while waiting := [jvm for jvm in waiting if not done(jvm)]:
            self._parent.command(_POLL_S)
            for jvm in waiting:
                if jvm.ended() is not None and not done(jvm):
                    raise LocalBrokerError(self._last_words(jvm, failure))
                if time.monotonic() > deadline:
                    raise LocalBrokerError(self._last_words(jvm, f"was not ready after {START_DEADLINE_S:.0f} s"))

    def _look_after(self) -> None:
        """Name the JVMs that ended unasked. Raises LocalBrokerError when those left are no majority."""
        for jvm in self._jvms:
            if jvm.ended() is None:
                continue
            said = self._last_words(jvm, "ended")
            jvm.end(0)
            if not self._is_majority(sum(jvm.pid is not None for jvm in self._jvms)):
                raise LocalBrokerError(said)
            with suppress(OSError):  # on a full disk others will end as well, and the last of them says why
                self._write_state()
            sys.stderr.write(f"{said}\nthe other nodes go on without it\n")

    def _is_majority(self, count: int) -> bool:
        return 2 * count > len(self._jvms)

    def _end_jvms(self, jvms: list[Jvm], how: signal.Signals) -> None:
        for jvm in jvms:
            jvm.signal(how)
        deadline = time.monotonic() + STOP_DEADLINE_S
        for jvm in jvms:
            jvm.end(max(deadline - time.monotonic(), 0))

    def _write_state(self) -> None:
        """Tell other processes who we are and which nodes run; none while they start."""
        new = self._folder / (STATE + ".new")
        new.write_text(json.dumps(self._state()), encoding="utf-8")
        new.replace(self._folder / STATE)

    def _state(self) -> dict[str, object]:
        return {
            "nodes": len(self._jvms),
            "bootstrap": ",".join(f"{node.HOST}:{jvm.node.port}" for jvm in self._jvms),
            "folder": str(self._folder),
            "keeper_pid": os.getpid(),
            "java_pids": {jvm.node.number: jvm.pid for jvm in self._jvms if jvm.pid is not None},
        }

    def _last_words(self, jvm: Jvm, what: str) -> str:
        which = "" if len(self._jvms) == 1 else f" (node {jvm.node.number} of {len(self._jvms)})"
        return f"the local Kafka{which} {what}: {jvm.why()}"


def _end(_signal: int, _frame: object) -> None:
    raise EOFError


def main() -> int:
    """Keep the node that the first argument orders, until the parent is gone. 0, or 1 when it could not be kept."""
    order = Order(**json.loads(sys.argv[1]))
    parent = Parent(sys.stdin.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    keeper: Keeper | None = None
    try:
        keeper = Keeper(order, parent)
        keeper.serve()
    except EOFError:
        return 0
    except LocalBrokerError as error:
        parent.answer(error=str(error))
        return 1
    except OSError as error:
        parent.answer(error=str(unusable(error.filename or order.folder or "the folder for temporary files", error)))
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        if keeper is not None:
            keeper.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
