"""The sets of fences whose time has not come."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geofences.index import FenceIndex


class FenceSets:
    """In the order they came. One that takes effect replaces all that came before it, also those still to come."""

    def __init__(self) -> None:
        self.next_at: float = inf
        """When the next one takes effect (arrival clock, ms)."""
        self._coming: list[tuple[int, FenceIndex]] = []

    def put(self, fences: FenceIndex, effective_at: int) -> None:
        """A set that takes effect then."""
        self._coming.append((effective_at, fences))
        self._look_ahead()

    def pop(self) -> FenceIndex:
        """The next one; of several at one time the last that came."""
        place = max(i for i, (effective_at, _) in enumerate(self._coming) if effective_at == self.next_at)
        _, fences = self._coming[place]
        del self._coming[: place + 1]
        self._look_ahead()
        return fences

    def _look_ahead(self) -> None:
        self.next_at = min((effective_at for effective_at, _ in self._coming), default=inf)
