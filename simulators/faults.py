"""What goes wrong on the way: pings lost, sent twice, overtaken by later ones, or sent without a fix."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from simulators.network import Underway
from telematics.errors import UserError
from telematics.model import Fix, Ping, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

RESENT_AFTER_S = (2.0, 30.0)
"""A device whose acknowledgement was lost sends the same ping again."""
OVERTAKEN_S = (60.0, 600.0)


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of all pings, each from 0 to 1. None by default."""

    loss: float = 0.0
    duplicates: float = 0.0
    reorder: float = 0.0
    no_fix: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                raise UserError(f"{field.name} is {share}; a share of the pings lies between 0 and 1, such as 0.01")

    def __bool__(self) -> bool:
        """Whether anything goes wrong at all."""
        return any(getattr(self, field.name) for field in fields(self))

    def apply(self, arrivals: Iterable[tuple[int, Ping | Trip]], rng: Random) -> Iterator[tuple[int, Ping | Trip]]:
        """Spoil a stream in order of arrival, and keep that order. Trips are never touched."""
        underway: Underway[Ping | Trip] = Underway()
        chance, uniform = rng.random, rng.uniform
        last: Ping | None = None
        for arrival, payload in arrivals:
            if type(payload) is not Ping:
                underway.send(arrival, payload)
            elif chance() >= self.loss:
                ping = payload
                if last is not None and chance() < self.no_fix:
                    ping = _without_fix(ping, last)
                else:
                    last = ping
                late_ms = int(uniform(*OVERTAKEN_S) * 1000) if chance() < self.reorder else 0
                underway.send(arrival + late_ms, ping)
                if chance() < self.duplicates:
                    underway.send(arrival + late_ms + int(uniform(*RESENT_AFTER_S) * 1000), ping)
            yield from underway.arrived(arrival)
        yield from underway.arrived()


def _without_fix(ping: Ping, last: Ping) -> Ping:
    """Return the ping as a receiver without a fix sends it: the last position repeated, and zeros."""
    return replace(
        ping, lat=last.lat, lon=last.lon, speed_kmh=0.0, heading_deg=0.0, hdop=None, satellites=0, fix=Fix.NONE
    )
