"""The life of an alert, as a table.

An episode of a rule on a vehicle and subject is `closed` (none), `open` (its alert was raised) or `silent` (it was
already true when a truncated rebuild began, so its beginning and hence its id are unknown: it says nothing until it
ends). A cell that is not in the table is a mistake of the caller: it raises and leaves everything as it was.
"""

from __future__ import annotations

from enum import StrEnum

from telematics.model import AlertEvent


class EpisodeState(StrEnum):
    """Where an episode stands."""

    CLOSED = "closed"
    OPEN = "open"
    SILENT = "silent"


class Move(StrEnum):
    """What a rule does to an episode."""

    RAISE = "raise"
    RAISE_UNKNOWN = "raise_unknown"
    ESCALATE = "escalate"
    AMEND = "amend"
    CLEAR = "clear"


class IllegalMoveError(Exception):
    """A move that the state does not allow."""


LIFECYCLE: dict[tuple[EpisodeState, Move], tuple[EpisodeState, AlertEvent | None]] = {
    (EpisodeState.CLOSED, Move.RAISE): (EpisodeState.OPEN, AlertEvent.RAISED),
    (EpisodeState.CLOSED, Move.RAISE_UNKNOWN): (EpisodeState.SILENT, None),
    (EpisodeState.OPEN, Move.ESCALATE): (EpisodeState.OPEN, AlertEvent.ESCALATED),
    (EpisodeState.OPEN, Move.AMEND): (EpisodeState.OPEN, AlertEvent.AMENDED),
    (EpisodeState.OPEN, Move.CLEAR): (EpisodeState.CLOSED, AlertEvent.CLEARED),
    (EpisodeState.SILENT, Move.ESCALATE): (EpisodeState.SILENT, None),
    (EpisodeState.SILENT, Move.AMEND): (EpisodeState.SILENT, None),
    (EpisodeState.SILENT, Move.CLEAR): (EpisodeState.CLOSED, None),
}


def advance(state: EpisodeState, move: Move) -> tuple[EpisodeState, AlertEvent | None]:
    """The next state and the alert event to publish, if any. Raises IllegalMoveError outside the table."""
    try:
        return LIFECYCLE[state, move]
    except KeyError:
        msg = f"an episode that is {state} cannot {move}"
        raise IllegalMoveError(msg) from None


def as_markdown() -> str:
    """The table as docs/alerts.md shows it."""
    rows = ["| state | move | next state | published |", "|---|---|---|---|"]
    rows += [
        f"| {state} | {move} | {after} | {event or 'nothing'} |" for (state, move), (after, event) in LIFECYCLE.items()
    ]
    return "\n".join(rows) + "\n"
