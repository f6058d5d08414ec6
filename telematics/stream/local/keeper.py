"""The process between a program and its local Kafka: whatever becomes of the program, nothing stays behind.

The keeper's standard input is a pipe whose other end only the parent holds. Commands come in by it, one a line,
and its end is the command to end: a parent that was killed with -9 has closed it too. So the JVM, the ports and
a temporary folder are always the keeper's to take away, and the keeper always lives to do it. It runs in a session
of its own, so that a Ctrl-C meant for the parent does not reach the JVM first.

    start   start the node, on the same data and ports each time; answered when it is ready
    kill    end the JVM as a power cut would; the data stays, for the next `start`
    (end)   end the JVM, remove a temporary folder, exit

Each answer is one line of JSON on standard output. When the JVM ends unasked, the keeper says so and ends too.
Nothing of Kafka's clients is imported here: it starts quickly and outlives a parent at the cost of 15 MB.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from telematics.stream.local import node
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import usable

# Two cores that were busy with ten other things have needed 60 s; idle ones need 4.
START_DEADLINE_S = 180.0
STOP_DEADLINE_S = 20.0
_POLL_S = 0.1

# In the folder of a kept broker: held while a keeper lives, and who that is.
LOCK = "keeper.lock"
STATE = "broker.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent wants kept.

    `folder` None asks for a temporary one, and a JVM that is killed rather than stopped at the end: nobody will
    read its data again. `port` None asks for any free one. `quick` starts in half the time and has less to give
    under load.
    """

    java: str
    class_path: list[str]
    folder: str | None = None
    port: int | None = None
    quick: bool = True

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
    """One node: its folder, its ports and, while it runs, its JVM."""

    def __init__(self, order: Order, parent: Parent) -> None:
        self._order = order
        self._parent = parent
        self._temporary = order.folder is None
        self._folder = Path(order.folder or tempfile.mkdtemp(prefix="telematics-kafka-"))
        self._lock: IO[str] | None = None
        self._port = 0
        self._jvm: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Do what the parent says until it is gone or the JVM ends unasked."""
        self._prepare()
        while True:
            command = self._parent.command(_POLL_S * 5)
            if command == "start":
                self._start()
            elif command == "kill":
                self._end_jvm(signal.SIGKILL)
                self._parent.answer(killed=True)
            elif self._jvm is not None and self._jvm.poll() is not None:
                raise LocalBrokerError(self._last_words("ended"))

    def close(self) -> None:
        """End the JVM and leave nothing that was not asked to be kept."""
        self._end_jvm(signal.SIGKILL if self._temporary else signal.SIGTERM)
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            (self._folder / STATE).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def _prepare(self) -> None:
        usable(self._folder)
        lock = (self._folder / LOCK).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            # Not ours to tidy up.
            raise AlreadyKeptError(self._folder) from error
        self._lock = lock
        # Native libraries that a killed JVM unpacked, and what an earlier node said.
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
        (self._folder / "tmp").mkdir()
        (self._folder / "server.log").write_bytes(b"")
        if self._order.port is not None:
            node.require_free(self._order.port)
        self._port = self._order.port or node.free_port()
        properties = node.properties(self._folder, self._port, node.free_port())
        (self._folder / "server.properties").write_text(properties, encoding="utf-8")

    def _start(self) -> None:
        if not (self._folder / "data" / "meta.properties").exists():
            self._format()
        node.require_free(self._port)
        self._jvm = self._java(node.SERVER, self._properties, quick=self._order.quick)
        deadline = time.monotonic() + START_DEADLINE_S
        while not node.is_ready(self._port):
            self._parent.command(_POLL_S)
            if self._jvm.poll() is not None:
                raise LocalBrokerError(self._last_words("did not start"))
            if time.monotonic() > deadline:
                raise LocalBrokerError(self._last_words(f"was not ready after {START_DEADLINE_S:.0f} s"))
        started = {
            "bootstrap": f"{node.HOST}:{self._port}",
            "folder": str(self._folder),
            "keeper_pid": os.getpid(),
            "java_pid": self._jvm.pid,
        }
        if not self._temporary:
            (self._folder / STATE).write_text(json.dumps(started), encoding="utf-8")
        self._parent.answer(**started)

    @property
    def _properties(self) -> str:
        return str(self._folder / "server.properties")

    def _java(self, main_class: str, *arguments: str, quick: bool) -> subprocess.Popen[bytes]:
        options = node.java_arguments(self._folder, [Path(jar) for jar in self._order.class_path], quick=quick)
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the Java and jars that find_java and class_path vouch for
                [self._order.java, *options, main_class, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                preexec_fn=_die_with_keeper,  # noqa: PLW1509 - the keeper has no threads
            )

    def _format(self) -> None:
        self._jvm = self._java(node.FORMAT, "format", "-t", node.CLUSTER_ID, "-c", self._properties, quick=True)
        while self._jvm.poll() is None:
            self._parent.command(_POLL_S)
        if self._jvm.returncode != 0:
            raise LocalBrokerError(self._last_words("could not prepare its data folder"))

    def _end_jvm(self, how: signal.Signals) -> None:
        if self._jvm is None:
            return
        self._jvm.send_signal(how)
        try:
            self._jvm.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._jvm.kill()
            self._jvm.wait()
        self._jvm = None

    def _last_words(self, what: str) -> str:
        log = self._folder / "server.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        where = "" if self._temporary else f" (all of it in {log})"
        return "\n  ".join([f"the local Kafka {what}; the end of its log{where}:", *lines])


class AlreadyKeptError(LocalBrokerError):
    """Another keeper has this folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"a local Kafka is running in {folder} already; see `telematics broker status`,"
            " or end it with `telematics broker stop`"
        )


def _die_with_keeper() -> None:
    """On Linux the JVM is also killed when its keeper is: the one end that no keeper can tidy up after."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _end(_signal: int, _frame: object) -> None:
    raise EOFError


def main() -> int:
    """Keep the node that the first argument orders, until the parent is gone. 0, or 1 when it could not be kept."""
    parent = Parent(sys.stdin.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    keeper: Keeper | None = None
    try:
        keeper = Keeper(Order(**json.loads(sys.argv[1])), parent)
        keeper.serve()
    except EOFError:
        return 0
    except AlreadyKeptError as error:
        keeper = None
        parent.answer(error=str(error))
        return 1
    except (LocalBrokerError, OSError) as error:
        parent.answer(error=str(error))
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        if keeper is not None:
            keeper.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
