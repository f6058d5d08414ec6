"""Sequences larger than memory: kept in the order they came, or sorted, on temporary files.

Items are pickled to unnamed temporary files of ours, which the system removes with the process, however it ends.
"""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import IO, Generic, TypeVar

T = TypeVar("T")

# About 1 KB an item in memory (a ping with its strings): a chunk stays near 200 MB.
CHUNK = 200_000
# Pickled together, items share their class names: a tenth of the bytes of one pickle each.
_BLOCK = 1_000


class Spool(Generic[T]):
    """Items in the order they were added, to be read once; what exceeds `chunk` goes to a temporary file."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self._chunk = chunk
        self._recent: list[T] = []
        self._spilled: list[IO[bytes]] = []

    def add(self, item: T) -> None:
        """Add one item at the end."""
        self._recent.append(item)
        if len(self._recent) >= self._chunk:
            self._spilled.append(_spill(self._recent))
            self._recent = []

    def __iter__(self) -> Iterator[T]:
        for run in self._spilled:
            yield from _load(run)
        yield from self._recent


def sort_external(items: Iterable[T], key: Callable[[T], int], chunk: int = CHUNK) -> Iterator[T]:
    """`items` in ascending order of `key`, equal keys in the order they came. At most two chunks are in memory."""
    source = iter(items)
    chunks = iter(lambda: list(islice(source, chunk)), [])
    runs: list[IO[bytes]] = []
    last: list[T] = next(chunks, [])
    last.sort(key=key)
    for following in chunks:
        runs.append(_spill(last))
        last = following
        last.sort(key=key)
    if not runs:
        return iter(last)
    # heapq.merge prefers the earlier of equal runs: the whole is as stable as each sort.
    return heapq.merge(*map(_load, runs), last, key=key)


def _spill(items: list[T]) -> IO[bytes]:
    run = tempfile.TemporaryFile(prefix="telematics-")  # noqa: SIM115  (read later; closed by _load or with the process)
    for start in range(0, len(items), _BLOCK):
        pickle.dump(items[start : start + _BLOCK], run, protocol=pickle.HIGHEST_PROTOCOL)
    run.seek(0)
    return run


def _load(run: IO[bytes]) -> Iterator[T]:
    with run:
        yield from chain.from_iterable(_blocks(run))


def _blocks(run: IO[bytes]) -> Iterator[list[T]]:
    while True:
        try:
            yield pickle.load(run)  # noqa: S301  (written by _spill of this process)
        except EOFError:
            return
