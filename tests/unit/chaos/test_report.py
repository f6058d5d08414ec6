"""The report of a chaos run is only content when nothing is wrong, neither with the product nor with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO

import pytest

from tests.chaos.faults import SHORT, Deed, Point
from tests.chaos.journal import Journal
from tests.chaos.judge import Said, Verdict
from tests.chaos.report import Judged, Report

SAID = Said("a-0", "a", b"a says 0", 0)
GOOD = Report(
    seed=1,
    extent=SHORT,
    inputs=1000,
    done={deed: SHORT.asked(deed) for deed in Deed if deed is not Deed.BROKER},
    points={(point, Deed.KILL): 1 for point in Point},
    broker_restarts=SHORT.asked(Deed.BROKER),
    alerts=Judged(100, Verdict()),
    dead_letters=Judged(10, Verdict()),
    undisturbed=None,
    problems=(),
)
WRONG = [Verdict(missing=(SAID,)), Verdict(repeated=(SAID,)), Verdict(different=(SAID,)), Verdict(out_of_order=(SAID,))]


def test_a_run_without_complaints_is_content() -> None:
    """The keys that readers of build/chaos.json rely on are there, and all is well."""
    document = GOOD.document()
    assert GOOD.ok
    assert document["ok"] is True
    promised = ("kills", "pauses", "broker_restarts", "inputs", "alerts_expected", "missing", "repeated", "different")
    assert {name: document[name] for name in promised} == {
        "kills": SHORT.asked(Deed.KILL),
        "pauses": SHORT.asked(Deed.PAUSE),
        "broker_restarts": SHORT.asked(Deed.BROKER),
        "inputs": 1000,
        "alerts_expected": 100,
        "missing": 0,
        "repeated": 0,
        "different": 0,
    }


@pytest.mark.parametrize("verdict", WRONG)
@pytest.mark.parametrize("what", ["alerts", "dead_letters", "undisturbed"])
def test_any_complaint_of_the_judge_fails_the_run(what: str, verdict: Verdict) -> None:
    """One alert or one dead letter is enough."""
    assert not _but(what, Judged(100, verdict)).ok


@pytest.mark.parametrize("what", ["alerts", "dead_letters"])
def test_a_run_with_nothing_to_say_fails(what: str) -> None:
    """Where nothing was expected, nothing was proved."""
    assert not _but(what, Judged(0, Verdict())).ok


def test_an_unasked_end_fails_the_run() -> None:
    """A member that dies by itself is a fault of the product, even if no alert suffered."""
    assert not replace(GOOD, problems=("member 1 ended with 1",)).ok


@pytest.mark.parametrize("deed", list(Deed))
def test_a_run_that_did_less_than_planned_fails(deed: Deed) -> None:
    """And says what it did not do."""
    fewer: Mapping[Deed, int] = {**GOOD.done, deed: SHORT.asked(deed) - 1}
    report = replace(GOOD, broker_restarts=0) if deed is Deed.BROKER else replace(GOOD, done=fewer)
    assert not report.ok
    assert report.shortfalls()[0].startswith(f"{deed}:")


@pytest.mark.parametrize("point", list(Point))
def test_a_point_that_was_never_hit_fails_the_run(point: Point) -> None:
    """Each has to be seen at least once."""
    report = replace(GOOD, points={place: 1 for place in GOOD.points if place[0] is not point})
    assert not report.ok
    assert report.shortfalls() == [f"no commit failed at {point}"]


def test_the_journal_finds_what_happened_around_an_input() -> None:
    """What was noted around the time when the inputs of an arrival were written, and when that was."""
    out = StringIO()
    journal = Journal(out)
    journal.note("kill")
    journal.wrote(1_000)
    journal.wrote(2_000)
    at_s, near = journal.around(1_500)
    assert 0 <= at_s <= journal.now_s
    assert [text.split()[1] for text in near] == ["kill"]
    assert out.getvalue().split()[1] == "kill"


def _but(what: str, judged: Judged) -> Report:
    match what:
        case "alerts":
            return replace(GOOD, alerts=judged)
        case "dead_letters":
            return replace(GOOD, dead_letters=judged)
        case _:
            return replace(GOOD, undisturbed=judged)
