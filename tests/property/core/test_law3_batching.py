"""Law 3: the same inputs, however they are cut into batches, have the same effects, to the byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.generator import Coverage, Stream, run, streams


def test_any_batching_has_the_same_effects() -> None:
    """Whole, one by one and in random splits: identical bytes and identical counts."""
    coverage = Coverage()

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(stream=streams(), data=st.data())
    def law(stream: Stream, data: st.DataObject) -> None:
        inputs = stream.inputs
        whole = run(stream.engine(), inputs)
        coverage.add(whole.alerts)
        cuts = data.draw(st.lists(st.integers(0, len(inputs)), max_size=20), label="cuts")
        for others in (cuts, range(len(inputs))):
            split = run(stream.engine(), inputs, others)
            assert split.encoded() == whole.encoded()
            assert split.counts == whole.counts

    law()
    coverage.require()
