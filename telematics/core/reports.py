"""What a ping adds to what is known of its device: whether it is news, and which of its events are."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from typing import TYPE_CHECKING

from telematics.core.facts import event_code
from telematics.core.state import EVENT_TIMES, ODD_TIMES

if TYPE_CHECKING:
    from telematics.core.state import DeviceState, VehicleState
    from telematics.model import DeviceEvent, Ping


def file_odd(device: DeviceState, ts: int) -> None:
    """Remember a ping that enters no ring of fixes, so that its duplicate can be told."""
    insort(device.odd, ts)
    if len(device.odd) > ODD_TIMES:
        device.floor = max(device.floor, device.odd.pop(0))


def news(state: VehicleState, ping: Ping, ts: int) -> tuple[DeviceEvent, ...]:
    """The ping's device events that are not known yet; they are known from now on, as of `ts`."""
    fresh: list[DeviceEvent] = []
    for event in dict.fromkeys(ping.events):
        entry = (ts, event_code(ping.device, event))
        if ts <= state.event_floors.get(entry[1], -1) or entry in state.events:
            continue
        fresh.append(event)
        insort(state.events, entry)
        if len(state.events) > EVENT_TIMES:
            _forget_event(state)
    return tuple(fresh)


def _forget_event(state: VehicleState) -> None:
    """Forget the oldest of the most frequent kind, so that a noisy flag never hides a late panic."""
    codes = Counter(code for _, code in state.events)
    noisiest = max(codes, key=lambda code: (codes[code], code))
    oldest = next(entry for entry in state.events if entry[1] == noisiest)
    state.events.remove(oldest)
    state.event_floors[noisiest] = max(state.event_floors.get(noisiest, -1), oldest[0])
