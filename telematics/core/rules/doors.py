"""What the two door rules share: since when a door is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telematics.model import DeviceEvent

if TYPE_CHECKING:
    from telematics.core.facts import Facts
    from telematics.core.rules.base import Rule


def follow(facts: Facts, rule: Rule, subject: str) -> tuple[list[int] | None, bool]:
    """The memory of an open door, [since, since arrival], None when shut; and whether it was opened by this input.

    A closing ends the alert.
    """
    opened = facts.recall(rule, subject)
    if DeviceEvent.DOOR_OPEN in facts.events and DeviceEvent.DOOR_CLOSED not in facts.events:
        if opened is None:
            opened = [facts.ts, facts.at]
            facts.remember(rule, subject, opened)
            return opened, True
    elif DeviceEvent.DOOR_CLOSED in facts.events and opened is not None and facts.ts >= opened[0]:
        facts.clear(rule, subject, event_time=facts.ts, reason="closed")
        facts.forget(rule, subject)
        facts.disarm(rule, subject)
        opened = None
    return opened, False


def shut_if_long_closed(facts: Facts, rule: Rule, subject: str) -> None:
    """End an opening that was learned of late, after the closing that followed it."""
    closed_ts = facts.followed_by(DeviceEvent.DOOR_CLOSED)
    if closed_ts is not None:
        facts.clear(rule, subject, event_time=closed_ts, reason="closed")
        facts.forget(rule, subject)
        facts.disarm(rule, subject)
