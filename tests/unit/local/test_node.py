"""The ports and the configuration of nodes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from telematics.stream.local import node
from telematics.stream.local.errors import LocalBrokerError


def properties(nodes: int) -> list[dict[str, str]]:
    """What `server.properties` of each node says."""
    cluster = node.nodes(nodes, 9092)
    texts = [node.properties(Path("/srv/kafka"), each, cluster) for each in cluster]
    return [dict(line.split("=", 1) for line in text.splitlines()) for text in texts]


@pytest.mark.parametrize(("nodes", "copies", "confirming"), [(1, "1", "1"), (3, "3", "2")])
def test_copies(nodes: int, copies: str, confirming: str) -> None:
    """One node holds the one copy; of three copies two confirm, of data, offsets and transactions alike."""
    for values in properties(nodes):
        factors = {name: value for name, value in values.items() if name.endswith("replication.factor")}
        minima = {name: value for name, value in values.items() if name.endswith(("min.isr", "insync.replicas"))}
        assert len(factors) == 4
        assert set(factors.values()) == {copies}
        assert len(minima) == 3
        assert set(minima.values()) == {confirming}


def test_nodes_know_each_other() -> None:
    """Three nodes have consecutive brokers' ports, controllers' ports of their own, and one list of voters."""
    values = properties(3)
    assert [each["advertised.listeners"].rpartition(":")[2] for each in values] == ["9092", "9093", "9094"]
    assert [each["node.id"] for each in values] == ["1", "2", "3"]
    voters = [f"{each['node.id']}@127.0.0.1:{each['listeners'].rpartition(':')[2]}" for each in values]
    assert {each["controller.quorum.voters"] for each in values} == {",".join(voters)}
    assert len(set(voters)) == 3


def test_drawn_ports_differ() -> None:
    """A cluster on free ports never gets one twice."""
    for _ in range(20):
        ports = [port for each in node.nodes(3, None) for port in (each.port, each.controller_port)]
        assert len(set(ports)) == 6


def test_a_port_in_use_is_named_with_all_that_are_needed() -> None:
    """Of three ports the one in use is named, and the three."""
    with socket.create_server((node.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalBrokerError, match=rf"port {port} .*in use and 2 nodes need .* to {port};.*--port"):
            node.require_free([node.free_port(), port])


def test_who_does_not_speak_kafka_has_no_live_nodes() -> None:
    """A port where nobody answers, or somebody else, has no live nodes, and asking raises nothing."""
    assert node.live_nodes(node.free_port()) == set()
    with socket.create_server((node.HOST, 0)) as other:
        port = other.getsockname()[1]
        other.listen()
        other.settimeout(10)
        assert node.live_nodes(port) == set()


def test_more_properties_come_beside_or_instead() -> None:
    """Further listeners are put behind the node's own, any other property replaces the one that was there."""
    more = {
        "listeners": "SSL://127.0.0.1:3",
        "listener.security.protocol.map": "SSL:SSL",
        "offsets.topic.num.partitions": "9",
        "ssl.keystore.type": "PEM",
    }
    alone = node.Node(1, 1, 2)
    lines = node.properties(Path("/data"), alone, [alone], more).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2,SSL://127.0.0.1:3" in lines
    assert "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL" in lines
    assert "offsets.topic.num.partitions=9" in lines
    assert "ssl.keystore.type=PEM" in lines
    assert len(lines) == len({line.partition("=")[0] for line in lines})
