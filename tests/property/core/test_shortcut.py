"""The shortcuts of the engine decide nothing: with and without them the effects and the state are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from telematics.core.screen import Screen
from telematics.core.surroundings import Surroundings
from tests.support.generator import Coverage, Stream, run, streams


def _listen(*_said: Any) -> None:
    """A tracer: with one, every rule that an input can concern is asked."""


def _never(*_asked: Any) -> bool:
    return False


def _counted(method: Callable[..., bool], name: str, spared: dict[str, int]) -> Callable[..., bool]:
    def ask(*of: Any) -> bool:
        yes = method(*of)
        spared[name] += yes
        return yes

    return ask


def test_the_shortcuts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule asked of every fix, every fence looked at again: identical bytes, counts and state."""
    coverage = Coverage()
    spared = {"asked nobody": 0, "settled": 0}
    asks, settles = Screen.passes, Surroundings.is_settled

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        with monkeypatch.context() as counting:
            counting.setattr(Screen, "passes", _counted(asks, "asked nobody", spared))
            counting.setattr(Surroundings, "is_settled", _counted(settles, "settled", spared))
            quick = stream.engine()
            came = run(quick, stream.inputs)
        coverage.add(came.alerts)
        with monkeypatch.context() as thorough:
            thorough.setattr(Screen, "passes", _never)
            thorough.setattr(Surroundings, "is_settled", _never)
            slow = stream.engine()
            slow.tracer = _listen
            expected = run(slow, stream.inputs)
        assert came.encoded() == expected.encoded()
        assert came.counts == expected.counts
        assert json.dumps(quick.snapshot()) == json.dumps(slow.snapshot())

    law()
    coverage.require()
    assert min(spared.values()) > 0, f"the generator never took a shortcut: {spared}"
