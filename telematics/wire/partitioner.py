"""Which partition Kafka's default partitioner gives a key: murmur2, seed 0x9747b28c, sign bit cleared, mod N.

Source: the record partitioner of Apache Kafka's Java client, which most producers follow (librdkafka calls it
`murmur2_random`; its own default, `consistent_random`, is CRC32 and would be refused as `wrong_partition`).
"""

from __future__ import annotations

from telematics.memo import Memo

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's 32 bit murmur2 of `data`, as an unsigned integer."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _MIX & _MASK
        k = (k ^ k >> 24) * _MIX & _MASK
        h = (h * _MIX & _MASK) ^ k
    if whole != length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _MIX & _MASK
    h = (h ^ h >> 13) * _MIX & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, from 0, of `key` in a topic of `partitions` partitions. Raises ValueError below one."""
    if partitions < 1:
        msg = f"a topic has at least one partition, not {partitions}"
        raise ValueError(msg)
    return _HASHES[key] % partitions


# Pure Python needs about 3 µs for a key of 12 bytes, as long as a decoded ping. At about 150 bytes an entry these stay
# under 20 MB.
_HASHES: Memo[bytes, int] = Memo(lambda key: murmur2(key) & 0x7FFFFFFF, 131_072)
