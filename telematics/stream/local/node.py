"""KRaft nodes of Apache Kafka on loopback: their ports, their configuration, their command lines, which are live."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telematics.stream.local.errors import LocalBrokerError

HOST = "127.0.0.1"
LOG_CONFIG = Path(__file__).with_name("log4j2.properties")

# Below the range from which systems draw the ports of outgoing connections (Linux 32768, macOS 49152 and up):
# nobody takes the port by accident between choosing it and the JVM's listening, or while the node is down.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Node:
    """One node, broker and controller in one: its number in the cluster, from 1, and the ports it listens on."""

    number: int
    port: int
    controller_port: int


def nodes(count: int, first_port: int | None) -> list[Node]:
    """The nodes of a cluster: brokers on `first_port` and the ports after it, or on any free ones when None."""
    drawn = free_ports(2 * count, but=range(first_port, first_port + count) if first_port else ())
    ports = range(first_port, first_port + count) if first_port else drawn[count:]
    return [
        Node(number, port, controller_port)
        for number, (port, controller_port) in enumerate(zip(ports, drawn[:count], strict=True), start=1)
    ]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int, but: Sequence[int] = ()) -> list[int]:
    """As many ports of loopback, all different, that nobody listens on and that are not among `but`."""
    found: list[int] = []
    for port in random.sample(_PORTS, 100):
        if len(found) == count:
            break
        if port not in but and _can_listen(port):
            found.append(port)
    if len(found) < count:
        raise LocalBrokerError(f"no {count} free ports on {HOST} between {_PORTS.start} and {_PORTS.stop - 1}")
    return found


def require_free(ports: Sequence[int]) -> None:
    """Raises LocalBrokerError when somebody listens on one of `ports` already."""
    for port in ports:
        if not _can_listen(port):
            others = f" and {len(ports)} nodes need {ports[0]} to {ports[-1]}" if len(ports) > 1 else ""
            raise LocalBrokerError(
                f"port {port} on {HOST} is in use{others};"
                " stop what listens there, or give the local Kafka another with --port"
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


# Lists that every further listener has to be put into.
_LISTS = ("listeners", "advertised.listeners", "listener.security.protocol.map")


def properties(folder: Path, node: Node, cluster: Sequence[Node], more: Mapping[str, str] | None = None) -> str:
    """The text of `server.properties` for `node`, one of `cluster`, with its data in `folder`/data.

    `more` is what it has beside, or instead; further listeners come after its own.
    """
    # As in production: three copies of everything, and what two of them have is confirmed. One node has one copy.
    copies = min(len(cluster), 3)
    enough_copies = max(copies - 1, 1)
    values: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{each.number}@{HOST}:{each.controller_port}" for each in cluster),
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / "data"),
        # A name mistyped is an error, not a new topic with the wrong profile.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": enough_copies,
        # A handful of partitions is plenty and is made quickly.
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough_copies,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": enough_copies,
        # Groups start at once, and members that were killed are given up quickly where a client asks for it.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # A node killed and started again waits until its controller has given up its former self: 9 s by default.
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        # 128 MB by default, taken at the start: a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    for name, value in (more or {}).items():
        values[name] = f"{values[name]},{value}" if name in _LISTS else value
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


def live_nodes(port: int) -> set[int]:
    """The numbers of the live nodes of the cluster, as the broker on `port` knows them; empty when it does not answer.

    Asked in Kafka's own protocol (a Metadata request, version 0, for all topics) rather than by connecting: the
    port accepts before the broker is let into its cluster, and a client that comes in between is told that there
    are no brokers, or only the others.
    """
    version, correlation_id, all_topics = 0, 1, 0
    client_id = b"\x00\x05local"
    request = struct.pack(">hhi", _METADATA, version, correlation_id) + client_id + struct.pack(">i", all_topics)
    live = set()
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb")
            answer.read(4)  # its size
            answered, brokers = struct.unpack(">ii", answer.read(8))
            if answered != correlation_id:
                return set()
            for _ in range(brokers):
                number, host_bytes = struct.unpack(">ih", answer.read(6))
                answer.read(host_bytes + 4)  # the host, and its port
                live.add(number)
    except (OSError, struct.error):
        return set()
    return live
