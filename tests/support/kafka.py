"""The broker that tests run on: yours, or one in Docker, or the local one. There is always one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache

from telematics.stream.local.broker import LocalBroker

BOOTSTRAP_VARIABLE = "TELEMATICS_TEST_BOOTSTRAP"

# Beside what the container sets itself: what the local broker has (telematics/stream/local/node.py).
_CONTAINER_SETTINGS = {
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
}


class Source(Enum):
    """Where the broker of this run comes from."""

    GIVEN = f"the one named by {BOOTSTRAP_VARIABLE}"
    DOCKER = "a container"
    LOCAL = "the local Kafka"


@cache
def source() -> Source:
    """The first that can be had: given, container, local."""
    if os.environ.get(BOOTSTRAP_VARIABLE):
        return Source.GIVEN
    return Source.DOCKER if _docker_answers() else Source.LOCAL


@contextmanager
def broker() -> Iterator[str]:
    """A running broker's `host:port`; ended afterwards unless it was given."""
    match source():
        case Source.GIVEN:
            yield os.environ[BOOTSTRAP_VARIABLE]
        case Source.DOCKER:
            with _container() as bootstrap:
                yield bootstrap
        case Source.LOCAL:
            with LocalBroker.temporary() as local:
                yield local.bootstrap


def _docker_answers() -> bool:
    # In a process of its own: where no daemon answers, the client library leaves its socket open.
    ask = "import docker; docker.from_env(timeout=5).ping()"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415 - slow to import, and rarely needed

    container = KafkaContainer().with_kraft()
    for name, value in _CONTAINER_SETTINGS.items():
        container = container.with_env(name, value)
    with container as running:
        yield running.get_bootstrap_server()
