"""The local broker is a real Kafka, and nothing of it outlives the program that wanted it."""

from __future__ import annotations

import asyncio
import json
import os
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
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from telematics.stream.local.broker import LocalBroker
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.node import free_port

# A program that starts a broker, says where it is, and stays until it is ended.
PROGRAM = """
import sys
from telematics.stream.local.broker import LocalBroker
with LocalBroker.temporary() as broker:
    print(broker.bootstrap, broker.java_pid, broker.folder, flush=True)
    sys.stdin.read()
"""
# The same, and a child of its own that holds all it inherited for longer.
FORKING_PROGRAM = PROGRAM.replace(
    "    sys.stdin.read()", "    import os\n    os.fork()\n    import time\n    time.sleep(600)"
)
# Ending takes well under a second; the limit only tells a hang from a busy machine.
GONE_WITHIN_S = 60


@dataclass(frozen=True)
class Started:
    """A program with a broker, and what must be gone when it is."""

    program: subprocess.Popen[str]
    java: psutil.Process
    keeper: psutil.Process
    folder: Path
    port: int

    def assert_nothing_left(self) -> None:
        """No process, no port, no folder."""
        assert self.program.wait(GONE_WITHIN_S) is not None
        _, alive = psutil.wait_procs([self.java, self.keeper], timeout=GONE_WITHIN_S)
        assert not alive
        assert not self.folder.exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0


@contextmanager
def program_with_broker(text: str = PROGRAM) -> Iterator[Started]:
    """Run a program that starts a temporary broker; its children end with it here at the latest."""
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        try:
            assert program.stdout is not None
            bootstrap, java_pid, folder = program.stdout.readline().split()
            java = psutil.Process(int(java_pid))
            keeper = java.parent()
            assert keeper is not None
            yield Started(program, java, keeper, Path(folder), int(bootstrap.rpartition(":")[2]))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def broker_command(*arguments: str | Path) -> list[str]:
    """The command line of `telematics broker …`."""
    return [sys.executable, "-m", "telematics", "broker", *map(str, arguments)]


def run_to_end(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`telematics broker …`, run to its end."""
    return subprocess.run(broker_command(*arguments), capture_output=True, text=True, check=False)


async def write_one(bootstrap: str, topic: str, value: bytes) -> None:
    """Create a topic and put one confirmed record into it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def read_one(bootstrap: str, topic: str) -> bytes | None:
    """The first record of a topic."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()
    value: bytes | None = record.value
    return value


async def test_what_was_confirmed_is_there_after_a_kill(own_broker: Callable[[], LocalBroker]) -> None:
    """A broker killed and started again has the same address and the records it had confirmed."""
    broker = own_broker()
    before = broker.bootstrap, broker.java_pid
    await write_one(broker.bootstrap, "kept", b"still here")

    broker.kill()
    broker.start()

    assert broker.bootstrap == before[0]
    assert broker.java_pid != before[1]
    assert await read_one(broker.bootstrap, "kept") == b"still here"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_program(number: signal.Signals) -> None:
    """However the program ends, the JVM, its keeper, the port and the folder end with it."""
    with program_with_broker() as started:
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
        started.java.wait(GONE_WITHIN_S)
        assert started.program.stdin is not None
        started.program.stdin.close()
        started.assert_nothing_left()


def test_a_kept_broker_from_run_to_stop(tmp_path: Path) -> None:
    """`run` keeps a broker that `status` describes and `stop` ends; nobody starts a second; its data come back."""
    port = free_port()
    bootstrap = f"127.0.0.1:{port}"
    with subprocess.Popen(
        broker_command("run", "--folder", tmp_path, "--port", str(port), "--json"), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["bootstrap"] == bootstrap
            asyncio.run(write_one(bootstrap, "kept", b"still here"))
            status = run_to_end("status", "--folder", tmp_path, "--json")
            second = run_to_end("run", "--folder", tmp_path, "--port", str(port))
            stopped = run_to_end("stop", "--folder", tmp_path)
            assert running.wait(GONE_WITHIN_S) == 0
        finally:
            running.kill()
    described = json.loads(status.stdout)
    assert described["running"] is True
    assert described["bootstrap"] == bootstrap
    assert second.returncode == 2
    assert "running in" in second.stderr
    assert stopped.returncode == 0
    assert not psutil.pid_exists(described["java_pid"])
    assert run_to_end("status", "--folder", tmp_path).returncode == 1
    assert run_to_end("stop", "--folder", tmp_path).returncode == 1

    with LocalBroker.kept(folder=tmp_path, port=free_port()) as again:
        assert asyncio.run(read_one(again.bootstrap, "kept")) == b"still here"


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """A port that somebody listens on is refused by name before any JVM starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalBrokerError, match=rf"port {port} .*in use.*--port"):
            LocalBroker.kept(folder=tmp_path, port=port).start()


def test_a_broker_that_cannot_start_says_what_its_log_says(tmp_path: Path) -> None:
    """When the JVM ends instead of starting, the message carries the end of its log and where all of it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n", encoding="utf-8")
    with pytest.raises(LocalBrokerError, match=r"(?s)did not start.*server\.log.*node"):
        LocalBroker.kept(folder=tmp_path, port=free_port()).start()
