"""One KRaft node of Apache Kafka on loopback: its configuration, its command lines, and when it is ready."""

from __future__ import annotations

import random
import socket
import struct
from pathlib import Path

from telematics.stream.local.errors import LocalBrokerError

HOST = "127.0.0.1"
LOG_CONFIG = Path(__file__).with_name("log4j2.properties")

# Below the range from which systems draw the ports of outgoing connections (Linux 32768, macOS 49152 and up):
# nobody takes the port by accident between choosing it and the JVM's listening, or while the node is down.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        if _can_listen(port):
            return port
    raise LocalBrokerError(f"no free port on {HOST} between {_PORTS.start} and {_PORTS.stop - 1}")


def require_free(port: int) -> None:
    """Raises LocalBrokerError when somebody listens on `port` already."""
    if not _can_listen(port):
        raise LocalBrokerError(
            f"port {port} on {HOST} is in use; stop what listens there, or give the local Kafka another with --port"
        )


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        # As Java does: a port whose last connections linger in TIME_WAIT can be listened on again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def properties(folder: Path, port: int, controller_port: int) -> str:
    """The text of `server.properties` for a node with its data in `folder`/data."""
    values: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / "data"),
        # A name mistyped is an error, not a new topic with the wrong profile.
        "auto.create.topics.enable": "false",
        # One node holds every replica; a handful of partitions is plenty and is made quickly.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Groups start at once, and members that were killed are given up quickly where a client asks for it.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # A node killed and started again waits until its controller has given up its former self: 9 s by default.
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        # 128 MB by default, taken at the start: a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in values.items())


def _escaped(value: str | int) -> str:
    """A value as Java's property files write it: the backslash escapes, and a leading blank would be lost."""
    text = str(value).replace("\\", "\\\\")
    return "\\" + text if text.startswith(" ") else text


# Half the processor time of a start (measured: 4 s of it instead of 8), and less code made fast later.
_QUICK = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def java_arguments(folder: Path, class_path: list[Path], *, quick: bool) -> list[str]:
    """What stands between `java` and the main class; `quick` for a JVM that will not run for long."""
    return [
        "-Xmx512m",
        *(_QUICK if quick else []),
        "-Djava.awt.headless=true",
        # Otherwise a file stays behind in the system's temporary folder when the JVM is killed.
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        f"-Dlog4j2.configurationFile={LOG_CONFIG}",
        "-cp",
        ":".join(str(jar) for jar in class_path),
    ]


FORMAT = "kafka.tools.StorageTool"
SERVER = "kafka.Kafka"

# Written into a fresh data folder: 16 bytes in base64, as Kafka wants a cluster's id.
CLUSTER_ID = "telematics-local-kafka"

_METADATA = 3


def is_ready(port: int) -> bool:
    """Whether a broker answers on `port` and counts itself among the live ones.

    Asked in Kafka's own protocol (a Metadata request, version 0, for all topics) rather than by connecting: the
    port accepts before the broker is let into its cluster, and a client that comes in between is told that there
    are no brokers.
    """
    version, correlation_id, all_topics = 0, 1, 0
    client_id = b"\x00\x05local"
    request = struct.pack(">hhi", _METADATA, version, correlation_id) + client_id + struct.pack(">i", all_topics)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            answered, brokers = struct.unpack(">ii", answer.read(size)[:8])
    except (OSError, struct.error):
        return False
    return bool(answered == correlation_id and brokers > 0)
