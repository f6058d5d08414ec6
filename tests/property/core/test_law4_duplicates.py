"""Law 4: a duplicate has no effect, and a late ping never moves a vehicle backwards."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from telematics.model import Device, Ping
from tests.support.generator import Coverage, Stream, run, streams
from tests.support.story import batch_of


def _is_astray(arrival: int, ping: Ping) -> bool:
    """Whether its clock is far off: of such pings a device's last eight are remembered, so the ninth is news again."""
    return not -86_400_000 < ping.ts - arrival < 500_000


def test_duplicates_anywhere_change_nothing() -> None:
    """Copies of pings, put in anywhere behind their originals, leave every alert as it was, to the byte."""
    coverage = Coverage()

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams(), data=st.data())
    def law(stream: Stream, data: st.DataObject) -> None:
        inputs = stream.inputs
        once = run(stream.engine(), inputs)
        coverage.add(once.alerts)
        where = st.tuples(st.integers(0, len(inputs) - 1), st.integers(0, 1000) | st.integers(0, 3))
        copies = data.draw(st.lists(where, min_size=30, max_size=60), label="copies")
        doubled = [(position, 0, input_) for position, input_ in enumerate(inputs)]
        for position, later in copies:
            arrival, ping = inputs[position]
            if ping is not None:
                behind = min(position + (min(later, 3) if _is_astray(arrival, ping) else later), len(inputs) - 1)
                # With the arrival of the input it follows: a later one would also act as a tick.
                doubled.append((behind, 1, (inputs[behind][0], ping)))
        doubled.sort(key=lambda entry: entry[:2])
        twice = run(stream.engine(), [input_ for _, _, input_ in doubled])
        assert twice.encoded() == once.encoded()
        assert twice.counts["accepted"] == once.counts["accepted"]

    law()
    coverage.require()


def test_the_whole_stream_again_changes_nothing() -> None:
    """Everything sent once more, at once and ten minutes later, tells nothing new."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        once = run(stream.engine(), stream.inputs)
        coverage.add(once.alerts)
        twice = run(stream.engine(), [input_ for input_ in stream.inputs for _ in range(2)])
        assert twice.encoded() == once.encoded()
        last = stream.inputs[-1][0]
        engine = stream.engine()
        run(engine, [*stream.inputs, (last + 600_000, None)])
        # Ticks keep the clock, so that only what is sent again could speak.
        sent = [(arrival, ping) for arrival, ping in stream.inputs if ping and not _is_astray(arrival, ping)]
        again = [(last + 600_000, ping) for _, ping in sent]
        assert run(engine, again).alerts == []

    law()
    coverage.require()


def test_no_ping_moves_a_vehicle_backwards() -> None:
    """The time of a vehicle's position never falls, whatever arrives, and device times never fall either."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams(vehicles=2))
    def law(stream: Stream) -> None:
        engine = stream.engine()
        newest: dict[str, int] = {}
        heard: dict[tuple[str, Device], int] = {}
        for number, input_ in enumerate(stream.inputs):
            coverage.add(engine.step(batch_of([input_], number)).alerts)
            ping = input_[1]
            state = None if ping is None else engine.vehicle(ping.vehicle_id)
            if ping is None or state is None:
                continue
            if state.fix is not None:
                assert state.fix.ts >= newest.get(ping.vehicle_id, state.fix.ts)
                newest[ping.vehicle_id] = state.fix.ts
            last_ts = state.device_of(ping.device).last_ts
            assert last_ts >= heard.get((ping.vehicle_id, ping.device), last_ts)
            heard[ping.vehicle_id, ping.device] = last_ts

    law()
    coverage.require()
