"""The local broker from outside: its commands as a user runs them, and records that must survive."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.node import free_port, require_free

# Ending takes well under a second, of three nodes some; the limit only tells a hang from a busy machine.
GONE_WITHIN_S = 60
_TOPIC = "kept"


def broker_command(*arguments: str | Path) -> list[str]:
    """The command line of `telematics broker …`."""
    return [sys.executable, "-m", "telematics", "broker", *map(str, arguments)]


def run_to_end(
    *arguments: str | Path, within: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """`telematics broker …`, run to its end; `within` is a command that runs it, such as `SmallDisk.within`."""
    return subprocess.run(
        [*within, *broker_command(*arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * GONE_WITHIN_S,
        env={**os.environ, **environment},
    )


@dataclass(frozen=True)
class Run:
    """A `telematics broker run` that is ready."""

    process: subprocess.Popen[str]
    started: dict[str, Any]

    @property
    def bootstrap(self) -> str:
        """Where its clients reach it."""
        return str(self.started["bootstrap"])

    def java(self, node: int = 1) -> psutil.Process:
        """The JVM of a node, as it was started."""
        return psutil.Process(self.started["java_pids"][str(node)])

    def keeper(self) -> psutil.Process:
        """The keeper of all nodes."""
        keeper = self.java().parent()
        assert keeper is not None
        return keeper

    def ends(self) -> tuple[int, str]:
        """Wait for its end: the exit code, and what it said on standard error."""
        _, said = self.process.communicate(timeout=GONE_WITHIN_S)
        return self.process.returncode, said


@contextmanager
def broker_run(*arguments: str | Path, within: Sequence[str] = ()) -> Iterator[Run]:
    """`telematics broker run …`, ready; killed at the end if it still runs, and its keeper ends with it."""
    command = [*within, *broker_command("run", "--json", *arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, process.communicate()[1]
            yield Run(process, json.loads(ready))
        finally:
            process.kill()


def consecutive_ports(count: int) -> list[int]:
    """Ports in a row that nobody listens on."""
    while True:
        first = free_port()
        with suppress(LocalBrokerError):
            require_free(ports := list(range(first, first + count)))
            return ports


async def create(bootstrap: str, topic: str = _TOPIC) -> None:
    """Make a topic of one partition, of which every node has a copy."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1 + bootstrap.count(","))])
    await admin.close()


async def write(bootstrap: str, *values: bytes, topic: str = _TOPIC) -> None:
    """Put records into a topic; all of them confirmed."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read(bootstrap: str, count: int, topic: str = _TOPIC) -> list[bytes | None]:
    """The first `count` records of a topic. Waits for them: a broker just started may know of them a moment later."""
    async with asyncio.timeout(120):
        async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            return [(await consumer.getone()).value for _ in range(count)]


def read_only_folder(tmp_path: Path) -> Path:
    """A folder that this user, who may be root, cannot write to."""
    if os.geteuid() == 0:
        return Path("/sys" if sys.platform == "linux" else "/System") / "telematics"
    tmp_path.chmod(0o555)
    return tmp_path / "telematics"


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own, seen by commands that run `within` it and gone with the test.

    Attributes:
        folder: where it is mounted, for the commands within.
        outside: the same folder, for us.
        within: the beginning of a command line that runs the rest of it where the disk is mounted.
    """

    folder: Path
    outside: Path
    within: tuple[str, ...]

    def fill(self, but_bytes: int) -> Path:
        """Take all of it but this much. Returns the file to remove to have it back."""
        ballast = self.outside / "ballast"
        room = os.statvfs(self.outside)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - but_bytes)
        return ballast


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of this size at `folder` in a namespace of its own, which needs no right of root's."""
    script = 'mount -t tmpfs -o size="$1"m none "$2" && echo mounted && exec cat'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(megabytes), str(folder)]
    try:
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except FileNotFoundError:
        pytest.skip("only Linux mounts a small disk for one test")
    with holder:
        assert holder.stdout is not None
        if not holder.stdout.readline():
            pytest.skip("this system lets nobody but root mount a disk for one test")
        pid = str(holder.pid)
        enter = ("nsenter", "--target", pid, "--user", "--mount", "--preserve-credentials", f"--wd={Path.cwd()}", "--")
        yield SmallDisk(folder, Path(f"/proc/{pid}/root{folder}"), enter)
