"""From settings to aiokafka's options, and what we say while the broker cannot be reached.

aiokafka reconnects by itself and tells nobody but its log, once per attempt. `Link` turns that into two states and
one line per change.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError

from telematics.errors import BrokerError, UserError
from telematics.settings import KafkaSettings, SecurityProtocol, Settings
from telematics.stream import quirks, refusals

log = structlog.get_logger(__name__)

# Before the first client: all of them are made here.
quirks.mend()

# A request that takes longer than this is taken for lost. aiokafka's 40 s would be longer than every deadline of ours.
REQUEST_TIMEOUT_MS = 10_000
# Every batch is a round trip; the default of 16 KB holds twenty alerts, a broker takes a megabyte.
_BATCH_BYTES = 131_072
# A transaction of a member that died holds its readers up no longer than this, even if nobody takes the partition over.
_TRANSACTION_MS = 15_000
# Three heartbeats may be lost before a member is taken for dead, as Kafka advises.
_HEARTBEATS_A_SESSION = 3
# So often a member asks for the partitions of its topic: one that was deleted and made anew, or grew, is noticed then.
_METADATA_MS = 10_000


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Options that every client of aiokafka takes. Raises UserError naming a certificate that cannot be read."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap,
        "client_id": kafka.client_id,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "security_protocol": kafka.security_protocol.value,
    }
    if kafka.security_protocol in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}:
        options["sasl_mechanism"] = kafka.sasl_mechanism.value
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    if kafka.security_protocol in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}:
        options["ssl_context"] = _ssl_context(kafka)
    return options


def _ssl_context(kafka: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    except OSError as error:  # which an SSLError is as well
        raise _unusable("SSL_CAFILE", f"{kafka.ssl_cafile}", error) from error
    if kafka.ssl_certfile is not None:
        try:
            # Without a password OpenSSL would ask the terminal for that of a key that has one.
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, password="")
        except OSError as error:
            raise _unusable("SSL_CERTFILE, SSL_KEYFILE", f"{kafka.ssl_certfile}, {kafka.ssl_keyfile}", error) from error
    return context


def _unusable(names: str, files: str, error: OSError) -> UserError:
    why = error.strerror or str(error)
    return UserError(
        f"TELEMATICS_KAFKA__{names}: cannot use {files}: {why}; PEM files are expected, a key without a password"
    )


def group_consumer(settings: Settings) -> AIOKafkaConsumer:
    """A member of the group: commits by hand, and asks rather than guesses when an offset is gone."""
    # Partitions stay where they are if they can, for their state is there. aiokafka keeps what a member had on the class
    # of its assignor: each consumer needs one of its own. And no second one: aiokafka joins once for each, and each of
    # those is a rebalance of its own, which may never end.
    sticky = type("Sticky", (StickyPartitionAssignor,), {})
    session_ms = round(settings.kafka.session_timeout_s * 1000)
    return AIOKafkaConsumer(
        **client_options(settings.kafka),
        group_id=settings.kafka.group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        partition_assignment_strategy=(sticky,),
        session_timeout_ms=session_ms,
        # Of a member that settles what is taken away, and has then to be heard of in time.
        rebalance_timeout_ms=2 * session_ms,
        heartbeat_interval_ms=session_ms // _HEARTBEATS_A_SESSION,
        metadata_max_age_ms=_METADATA_MS,
    )


def partitions_known(consumer: AIOKafkaConsumer, topic: str) -> int:
    """How many partitions a topic has as far as the consumer remembers; 0 for a topic that it does not know."""
    return len(consumer.partitions_for_topic(topic) or ())


async def partitions_now(consumer: AIOKafkaConsumer, topic: str) -> int:
    """How many partitions a topic has, by the broker's word and not by what the consumer remembers.

    Of a topic that has grown only the leader of the group knows when the others are given their share. Raises KafkaError.
    """
    if not await consumer._client.force_metadata_update():  # noqa: SLF001
        raise KafkaConnectionError("no broker says how many partitions there are")
    return partitions_known(consumer, topic)


def plain_consumer(kafka: KafkaSettings) -> AIOKafkaConsumer:
    """A reader outside every group; it is told what to read and never commits."""
    return AIOKafkaConsumer(
        **client_options(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


def producer(kafka: KafkaSettings) -> AIOKafkaProducer:
    """A producer whose retries cannot write a record twice or out of order."""
    return AIOKafkaProducer(**client_options(kafka), enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES)


def transactional_producer(kafka: KafkaSettings, place: TopicPartition, most_bytes: int) -> AIOKafkaProducer:
    """The producer of one input partition; whoever starts the next one with this partition ends it.

    Its batches are of at most `most_bytes`, apart from those of one record.
    """
    return AIOKafkaProducer(
        **client_options(kafka),
        transactional_id=f"{kafka.group}.{place.topic}.{place.partition}",
        transaction_timeout_ms=_TRANSACTION_MS,
        max_batch_size=min(_BATCH_BYTES, most_bytes),
    )


def publisher(kafka: KafkaSettings, topic: str, patience_s: float) -> AIOKafkaProducer:
    """A producer that writes to the topic all or nothing, within the time; whoever starts the next one ends it."""
    return AIOKafkaProducer(
        **client_options(kafka),
        transactional_id=f"{topic}.publish",
        transaction_timeout_ms=round(patience_s * 1000),
        max_batch_size=_BATCH_BYTES,
    )


def tick_producer(kafka: KafkaSettings) -> AIOKafkaProducer:
    """A producer for ticks, of which one may be lost or doubled: time only has to move on."""
    return AIOKafkaProducer(**client_options(kafka), acks=1)


def admin(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    """A client for topics and their configuration."""
    return AIOKafkaAdminClient(**client_options(kafka))


async def unreachable(kafka: KafkaSettings, error: BaseException, operation: str = "Read") -> BrokerError:
    """Say what was tried and what to look at; `operation` is Kafka's word for what was tried with a topic."""
    return await refusals.explained(kafka, client_options(kafka), error, operation)


async def started(client: Any, kafka: KafkaSettings) -> None:
    """Start a consumer, producer or admin client; if that fails it is closed, and a BrokerError says what to look at."""
    try:
        await client.start()
    except (KafkaError, OSError) as error:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else ended(client))
        raise await unreachable(kafka, error) from error


async def ended(client: Any, deadline_s: float = 2.0) -> None:
    """Stop a consumer or producer within the deadline, whether or not the broker answers.

    A producer first waits for what it holds, and retries that for ever; when the deadline is over its sender is ended
    instead. Nothing of ours relies on what it may still have written. A consumer that is stopped while the broker is
    gone awaits tasks that it has itself cancelled, which looks like our own cancellation: hence the task around it.
    """
    stopping: asyncio.Future[None] = asyncio.ensure_future(client.stop())
    try:
        await asyncio.wait({stopping}, timeout=deadline_s)
    finally:
        stopping.cancel()
    if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
        return
    # aiokafka has no public way to give up; and what closes its connections may await what we have just cancelled.
    if isinstance(client, AIOKafkaProducer):
        if client._sender.sender_task is not None:  # noqa: SLF001
            client._sender.sender_task.cancel()  # noqa: SLF001
        closing = client.client.close()
    else:
        closing = client._client.close()  # noqa: SLF001
    await asyncio.gather(closing, return_exceptions=True)


def backoff_s(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds to wait before each next attempt: doubling up to `most`, spread so that members do not march in step."""
    wait = first
    while True:
        yield wait * random.uniform(0.75, 1.25)
        wait = min(wait * 2, most)


def quiet_client_log() -> None:
    """Silence aiokafka's own log, one line an attempt while the broker is away, unless somebody is debugging."""
    logger = logging.getLogger("aiokafka")
    if not logger.isEnabledFor(logging.DEBUG):
        logger.setLevel(logging.CRITICAL)


# Whatever is refused is tried again within this time (`backoff_s`, and Kafka has to answer); nobody tells when it was
# given up.
_REFUSED_FOR_S = 15.0
# What could not be done is tried again as well, and may take 20 s to fail.
_UNAVAILABLE_FOR_S = 30.0


class Link:
    """Whether the broker answers, and permits what we need. Changes are logged once; what happens in between is not."""

    def __init__(
        self, kafka: KafkaSettings, tries_every_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.kafka = kafka
        self._refused_for_s = max(_REFUSED_FOR_S, 2 * tries_every_s)
        self._clock = clock
        self._lost = ""
        self._refused: dict[str, float] = {}  # and until when that counts
        self._said: set[str] = set()

    @property
    def why(self) -> str:
        """What is wrong, empty when nothing is."""
        now_s = self._clock()
        refused = [what for what, until_s in self._refused.items() if until_s > now_s]
        return "; ".join(filter(None, [self._lost, *refused]))

    async def lost(self, error: BaseException, operation: str = "Read") -> None:
        """Some request failed; `operation` as for `unreachable`. Raises SignInRefusedError: to go on would not help."""
        told = error if isinstance(error, BrokerError) else await unreachable(self.kafka, error, operation)
        if isinstance(told, refusals.SignInRefusedError):
            raise told
        why = str(told)
        # Kafka answers everything else meanwhile, and answers do not prove that this is permitted, or possible again.
        if isinstance(told, refusals.NotPermittedError):
            self._refused[why] = self._clock() + self._refused_for_s
        elif isinstance(told, refusals.UnavailableError):
            self._refused[why] = self._clock() + _UNAVAILABLE_FOR_S
        else:
            self._lost = why
        # One absence has many faces; what is refused is news each time.
        if not self._said or (isinstance(told, refusals.RefusedError) and why not in self._said):
            log.warning("broker_lost", bootstrap=self.kafka.bootstrap, error=why)
        self._said.add(why)

    def found(self) -> None:
        """Some request was answered."""
        self._lost = ""
        if self._said and not self.why:
            self._said.clear()
            log.info("broker_back", bootstrap=self.kafka.bootstrap)
