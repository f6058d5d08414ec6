"""What is kept out of the log is kept out of it, and nothing else is; a connection closes without an answer."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import NodeNotReadyError
from aiokafka.producer import sender
from aiokafka.protocol.admin import ApiVersionRequest_v0, SaslAuthenticateRequest_v1
from aiokafka.protocol.metadata import MetadataResponse_v1

from telematics.stream import quirks
from tests.support.certificates import Authority

quirks.mend()


def test_a_sign_in_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """At debug level aiokafka logs each request with its fields, but for those of a sign-in."""
    log = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        for request in (ApiVersionRequest_v0(), SaslAuthenticateRequest_v1(b"\0user\0word")):
            log.debug("Request to %s:%d %d: %s", "127.0.0.1", 1, 2, request)
    (line,) = caplog.messages
    assert "ApiVersionRequest" in line


def test_only_the_echo_of_a_broken_connection_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Of what asyncio complains about, only that nobody asked again for an error that was told elsewhere."""
    log = logging.getLogger("asyncio")
    echo = "Future exception was never retrieved\nfuture: <Future finished>"
    for error, message in ((OSError("reset"), echo), (ValueError("ours"), echo), (OSError("disk"), "Task exception")):
        log.error(message, exc_info=error)
    log.error(echo, exc_info=False)
    assert [record.exc_info[1].args if record.exc_info else () for record in caplog.records] == [  # type: ignore[union-attr]
        ("ours",),
        ("disk",),
        (),
    ]


async def test_tls_is_closed_without_an_answer(tmp_path: Path) -> None:
    """A client whose goodbye nobody reads is closed all the same; TLS alone would wait half a minute for the answer."""
    authority = Authority(tmp_path, "authority")
    serving, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    serving.load_cert_chain(authority.vouch("server", "127.0.0.1"))
    trusting.load_verify_locations(authority.file)
    deaf: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.set_result(writer)

    async with await asyncio.start_server(accept, "127.0.0.1", ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]
        connection = AIOKafkaConnection("127.0.0.1", port, ssl_context=trusting, security_protocol="SSL")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        other = await deaf
        connection._reader, connection._writer = reader, writer
        connection._read_task = asyncio.create_task(asyncio.sleep(0))
        try:
            async with asyncio.timeout(20):
                connection.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()
            other.transport.abort()


@pytest.mark.parametrize(
    ("leaders", "waits"),
    [({}, 1), ({0: 1, 1: -1}, 1), ({0: 1, 1: 1}, 0)],
    ids=["no topic", "a partition without a leader", "all led"],
)
async def test_a_leader_that_is_missing_is_not_asked_for_without_pause(
    leaders: dict[int, int], waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment passes before the next question where the answer was none, and only there."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def answer(_client: object, cluster: ClusterMetadata, _topics: object) -> bool:
        partitions = [(0, number, leader, [1], [1]) for number, leader in leaders.items()]
        topic = (0, "t", False, partitions) if leaders else (3, "t", False, [])
        cluster.update_metadata(MetadataResponse_v1([(1, "127.0.0.1", 9, None)], 1, [topic]))
        return True

    monkeypatch.setattr(quirks, "_update", answer)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    client, cluster = AIOKafkaClient(bootstrap_servers="127.0.0.1:9"), ClusterMetadata()
    assert await client._metadata_update(cluster, {"t"})
    assert len(waited) == waits


async def test_a_coordinator_is_asked_for_again_while_no_broker_is_known() -> None:
    """A cluster that names no brokers for a moment is one that does not answer yet, and no end of the consumer."""
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:9")
    with pytest.raises(NodeNotReadyError) as refused:
        await client.coordinator_lookup(CoordinationType.GROUP, "g")
    assert refused.value.retriable


def test_the_wait_between_transactions_is_ours() -> None:
    """It is where aiokafka looks for it."""
    assert sender.BACKOFF_OVERRIDE == quirks._BEGIN_AGAIN_S
    assert "BACKOFF_OVERRIDE" in sender.AddPartitionsToTxnHandler.handle_response.__code__.co_names
