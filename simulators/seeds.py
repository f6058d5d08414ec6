"""Random numbers that depend on names, not on the order in which vehicles are built."""

from __future__ import annotations

from hashlib import sha256
from random import Random


def seeded(seed: int, *names: str) -> Random:
    """Return a generator of its own for `names` under `seed`: same names, same numbers, on any machine.

    A cryptographic hash, because Python's own hash of a text differs from one process to the next.
    """
    digest = sha256("/".join((str(seed), *names)).encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))
