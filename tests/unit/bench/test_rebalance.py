"""What is made of alerts that were told while members came and went."""

from __future__ import annotations

from bench.rebalance import Event, Told, pauses


def test_a_pause_is_the_longest_wait_of_what_came_meanwhile() -> None:
    """Of pings appended during the event, whenever they were told; partitions that stayed apart from those that moved."""
    told = [
        Told(999, 0, 5_000.0),
        Told(1_000, 0, 20.0),
        Told(1_500, 1, 310.0),
        Told(1_999, 2, 4_000.0),
        Told(2_000, 0, 9_000.0),
    ]
    events = [Event("join", 1_000, 2_000, frozenset({0, 1})), Event("leave", 3_000, 4_000, frozenset({0}))]
    assert pauses(told, events) == {
        "join": {"stayed_ms": 310, "moved_ms": 4_000},
        "leave": {"stayed_ms": 0, "moved_ms": 0},
    }
