"""The partitioner is Kafka's, to the bit."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from telematics.wire.partitioner import murmur2, partition_of
from tests.support.strategies import LAW


# From the tests of the Java client's own hash, which gives signed 32 bit integers.
@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_known_hashes(key: bytes, signed: int) -> None:
    """The hash is that of the Java client."""
    assert murmur2(key) == signed & 0xFFFFFFFF


@LAW
@given(key=st.binary(max_size=80), partitions=st.integers(1, 1000))
def test_same_as_the_client(key: bytes, partitions: int) -> None:
    """A producer with aiokafka's default partitioner never has its records refused."""
    assert murmur2(key) == murmur2_of_aiokafka(key) & 0xFFFFFFFF
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)


def test_a_topic_without_partitions() -> None:
    """There is no partition to name in a topic of none."""
    with pytest.raises(ValueError, match="at least one partition"):
        partition_of(b"a", 0)
