"""Files as what an engine takes: fence sets, trips, and batches per partition in the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from telematics.errors import UserError
from telematics.model import Trip
from telematics.replay.dumpfile import Header
from telematics.replay.dumps import read_dumps
from telematics.replay.fencesets import RecordedSets
from telematics.replay.files import Form, Found, check_columns, detect, has_rows
from telematics.replay.plan import Inputs, Plan, Progress
from telematics.replay.rejects import Rejects
from telematics.replay.tracks import read_tracks

_BARE = {Form.EMPTY: "is empty: it has no rows", Form.CSV: "has a header and no rows"}


@dataclass(frozen=True, slots=True)
class Feed:
    """The files of a plan, looked at. `notes` say what a person should know of them; `header` is None for tracks."""

    plan: Plan
    found: tuple[Found, ...]
    notes: tuple[str, ...]
    header: Header | None

    def read(self, rejects: Rejects, progress: Progress | None = None) -> Iterator[RecordedSets | Trip | Inputs]:
        """Fence sets where a dump has some; trips, and windows of inputs by partition, in the order of arrival."""
        if self.header is None:
            return read_tracks(self.found, self.plan, rejects, progress)
        return read_dumps(self.found, self.plan, self.header, rejects, progress)


def open_feed(plan: Plan) -> Feed:
    """Look at every file before anything is replayed. Raises UserError naming the file and what would be right."""
    found = tuple(map(detect, plan.files))
    for each in found:
        check_columns(each, plan.options)
    notes = tuple(f"{each.path}: {_BARE[each.form]}" for each in found if each.form in _BARE and not has_rows(each))
    dumps = [each for each in found if each.form is Form.DUMP]
    others = [each for each in found if each.form in {Form.CSV, Form.NDJSON}]
    if not dumps:
        return Feed(plan, found, notes, None)
    if others:
        raise UserError(
            f"{dumps[0].path} is a dump and {others[0].path} is not: a dump has its own clock and partitions; "
            "replay them apart"
        )
    headers = {each.header for each in dumps if each.header is not None}
    if len(headers) != 1:
        raise UserError(
            f"{', '.join(str(each.path) for each in dumps)}: dumps of topics with different partitions or profiles; "
            "replay them apart"
        )
    return Feed(plan, found, notes, headers.pop())


def sets_first(events: Iterator[RecordedSets | Trip | Inputs]) -> tuple[RecordedSets | None, Iterator[Trip | Inputs]]:
    """The fence sets that stand first in a feed, if there are any, and what follows them."""
    first = next(events, None)
    rest = (event for event in (chain([first], events) if first else events) if not isinstance(event, RecordedSets))
    return first if isinstance(first, RecordedSets) else None, rest
