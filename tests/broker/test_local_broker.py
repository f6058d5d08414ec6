"""The local broker is a real Kafka, what it confirmed is kept, and nothing of it outlives who wanted it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from telematics.stream.local.broker import LocalBroker
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.node import CLUSTER_ID, free_port
from tests.support.local import GONE_WITHIN_S, broker_run, create, read, run_to_end, write

# A program that starts a broker, says where it is, and stays until it is ended.
PROGRAM = """
import sys
from telematics.stream.local.broker import LocalBroker
with LocalBroker.temporary(nodes=NODES) as broker:
    print(broker.folder, broker.bootstrap, *broker.java_pids.values(), flush=True)
    sys.stdin.read()
"""
# The same, and a child of its own that holds all it inherited for longer.
FORKING_PROGRAM = PROGRAM.replace(
    "    sys.stdin.read()", "    import os\n    os.fork()\n    import time\n    time.sleep(600)"
)


@dataclass(frozen=True)
class Started:
    """A program with a broker, and what must be gone when it is."""

    program: subprocess.Popen[str]
    javas: list[psutil.Process]
    keeper: psutil.Process
    folder: Path
    ports: list[int]

    def assert_nothing_left(self) -> None:
        """No process, no port, no folder."""
        assert self.program.wait(GONE_WITHIN_S) is not None
        _, alive = psutil.wait_procs([*self.javas, self.keeper], timeout=GONE_WITHIN_S)
        assert not alive
        assert not self.folder.exists()
        for port in self.ports:
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def program_with_broker(text: str = PROGRAM, nodes: int = 1) -> Iterator[Started]:
    """Run a program that starts a temporary broker; its children end with it here at the latest."""
    with subprocess.Popen(
        [sys.executable, "-c", text.replace("NODES", str(nodes))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            assert program.stdout is not None
            folder, bootstrap, *java_pids = program.stdout.readline().split()
            javas = [psutil.Process(int(java_pid)) for java_pid in java_pids]
            assert len(javas) == nodes
            keeper = javas[0].parent()
            assert keeper is not None
            ports = [int(address.rpartition(":")[2]) for address in bootstrap.split(",")]
            yield Started(program, javas, keeper, Path(folder), ports)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


async def test_what_was_confirmed_is_there_after_a_kill(own_broker: Callable[[], LocalBroker]) -> None:
    """A broker killed and started again has the same address and the records it had confirmed."""
    broker = own_broker()
    before = broker.bootstrap, broker.java_pids
    await create(broker.bootstrap)
    await write(broker.bootstrap, b"still here")

    broker.kill()
    assert broker.java_pids == {}
    broker.start()

    assert broker.bootstrap == before[0]
    assert broker.java_pids.keys() == before[1].keys()
    assert broker.java_pids != before[1]
    assert await read(broker.bootstrap, 1) == [b"still here"]


@pytest.mark.parametrize(("number", "nodes"), [(signal.SIGKILL, 3), (signal.SIGTERM, 1)])
def test_nothing_outlives_the_program(number: signal.Signals, nodes: int) -> None:
    """However the program ends, all JVMs, their keeper, the ports and the folder end with it."""
    with program_with_broker(nodes=nodes) as started:
        started.program.send_signal(number)
        started.assert_nothing_left()


def test_nothing_outlives_a_program_whose_children_hold_its_pipe() -> None:
    """A fork that survives the program and still holds the pipe to the keeper keeps no broker alive."""
    with program_with_broker(FORKING_PROGRAM) as started:
        started.program.kill()
        started.assert_nothing_left()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_jvm_does_not_outlive_its_keeper() -> None:
    """A keeper that is itself killed takes its JVM along, and the program removes the folder when it ends."""
    with program_with_broker() as started:
        started.keeper.kill()
        started.javas[0].wait(GONE_WITHIN_S)
        assert started.program.stdin is not None
        started.program.stdin.close()
        started.assert_nothing_left()


def test_a_kept_broker_from_run_to_stop(tmp_path: Path) -> None:
    """`run` keeps a broker that `status` describes and `stop` ends; nobody starts a second."""
    folder, port = tmp_path / "kept", free_port()
    with broker_run("--folder", folder, "--port", str(port)) as running:
        status = run_to_end("status", "--folder", folder, "--json")
        second = run_to_end("run", "--folder", folder, "--port", str(port))
        stopped = run_to_end("stop", "--folder", folder)
        assert running.ends() == (0, "")
    described = json.loads(status.stdout)
    assert described["running"] is True
    assert described["bootstrap"] == running.bootstrap == f"127.0.0.1:{port}"
    assert second.returncode == 2
    assert "running in" in second.stderr
    assert stopped.returncode == 0
    assert not psutil.pid_exists(described["java_pids"]["1"])
    assert run_to_end("status", "--folder", folder).returncode == 1
    assert run_to_end("stop", "--folder", folder).returncode == 1


def test_whatever_of_a_kept_broker_is_killed_its_data_come_back(tmp_path: Path) -> None:
    """After a kill -9 of the JVM, of the keeper and of `run`, the next `run` at once has all that was confirmed."""
    arguments = ("--folder", tmp_path / "kept", "--port", str(free_port()))
    with broker_run(*arguments) as running:
        asyncio.run(create(running.bootstrap))
        asyncio.run(write(running.bootstrap, b"before the JVM"))
        running.java().kill()
        code, said = running.ends()
    assert code == 1
    assert re.search(r"error: the local Kafka ended: it was killed .*start it again", said)

    with broker_run(*arguments) as running:
        asyncio.run(write(running.bootstrap, b"before the keeper"))
        running.keeper().kill()
        code, said = running.ends()
    assert code == 1
    assert "the keeper of the local Kafka was ended" in said
    # What a killed keeper leaves behind names processes that are somebody else's by now.
    assert (tmp_path / "kept" / "broker.json").exists()
    assert run_to_end("stop", "--folder", tmp_path / "kept").returncode == 1

    with broker_run(*arguments) as running:
        asyncio.run(write(running.bootstrap, b"before run"))
        running.process.kill()
        running.ends()

    with broker_run(*arguments) as running:
        confirmed = [b"before the JVM", b"before the keeper", b"before run"]
        assert asyncio.run(read(running.bootstrap, 3)) == confirmed


def test_a_broker_that_cannot_start_says_what_its_log_says(tmp_path: Path) -> None:
    """When the JVM ends instead of starting, the message carries the end of its log and where all of it is."""
    (tmp_path / "keeper.lock").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text(
        f"version=1\ncluster.id={CLUSTER_ID}\nnode.id=1\ndirectory.id=not an id\n", encoding="utf-8"
    )
    with pytest.raises(LocalBrokerError, match=r"(?s)did not start: the end of its log, .*server\.log:.*directory\.id"):
        LocalBroker.kept(folder=tmp_path, port=free_port()).start()
