"""The life of an alert is a table: every cell of it, and every pair that is not in it."""

from __future__ import annotations

from itertools import product

import pytest

from telematics.core.lifecycle import LIFECYCLE, EpisodeState, IllegalMoveError, Move, advance, as_markdown
from telematics.model import AlertEvent

CLOSED, OPEN, SILENT = EpisodeState.CLOSED, EpisodeState.OPEN, EpisodeState.SILENT
CELLS = [
    (CLOSED, Move.RAISE, OPEN, AlertEvent.RAISED),
    (CLOSED, Move.RAISE_UNKNOWN, SILENT, None),
    (OPEN, Move.ESCALATE, OPEN, AlertEvent.ESCALATED),
    (OPEN, Move.AMEND, OPEN, AlertEvent.AMENDED),
    (OPEN, Move.CLEAR, CLOSED, AlertEvent.CLEARED),
    (SILENT, Move.ESCALATE, SILENT, None),
    (SILENT, Move.AMEND, SILENT, None),
    (SILENT, Move.CLEAR, CLOSED, None),
]
ILLEGAL = sorted(set(product(EpisodeState, Move)) - {(state, move) for state, move, _, _ in CELLS})


@pytest.mark.parametrize(("state", "move", "after", "event"), CELLS)
def test_a_legal_move(state: EpisodeState, move: Move, after: EpisodeState, event: AlertEvent | None) -> None:
    """Each cell leads where the design says, and publishes what it says."""
    assert advance(state, move) == (after, event)


@pytest.mark.parametrize(("state", "move"), ILLEGAL)
def test_an_illegal_move_raises_and_changes_nothing(state: EpisodeState, move: Move) -> None:
    """A pair outside the table is named in the error; the table and the state are as before."""
    before = dict(LIFECYCLE)
    with pytest.raises(IllegalMoveError, match=f"{state}.*{move}"):
        advance(state, move)
    assert before == LIFECYCLE


def test_the_table_has_exactly_these_cells() -> None:
    """A new cell needs a new line here."""
    assert {(state, move): (after, event) for state, move, after, event in CELLS} == LIFECYCLE


def test_the_documentation_shows_every_cell() -> None:
    """The Markdown has one row per cell, in words."""
    rows = as_markdown().splitlines()[2:]
    assert len(rows) == len(CELLS)
    assert "| open | clear | closed | cleared |" in rows
