"""An alert that is larger than a broker takes is told without the largest of its evidence."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from telematics.core.params import RuleSet
from telematics.model import Alert
from telematics.wire.alerts import decode_alert, encode_alert
from tests.support.feed import judge
from tests.support.worlds import PARTITIONS, fences, world

ALERT = judge(world(14).log, PARTITIONS, fences(), RuleSet())[0]


@pytest.mark.parametrize("most_bytes", [2_500, 30_000, 100_000])
def test_the_largest_evidence_goes_first(most_bytes: int) -> None:
    """What is left fits, is the smaller part, and names what is gone."""
    novels = {f"novel_{length}": "x" * length for length in (100, 5_000, 20_000, 60_000)}
    large = replace(ALERT, evidence={**ALERT.evidence, **novels})
    value = encode_alert(large, most_bytes)
    assert len(value) <= most_bytes
    told = orjson.loads(value)
    dropped = told["evidence"].pop("dropped", [])
    assert set(dropped) | set(told["evidence"]) == set(large.evidence)
    smallest = min((len(large.evidence[name]) for name in dropped), default=10**9)
    assert all(len(novels[name]) < smallest for name in set(told["evidence"]) & set(novels))
    assert isinstance(decode_alert(value), Alert)


def test_one_that_fits_is_as_it_was() -> None:
    """The limit changes nothing of what is below it."""
    assert encode_alert(ALERT, 1_000_000) == encode_alert(ALERT)
