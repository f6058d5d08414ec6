"""What `--fix` does: fence by fence, and only what nobody needs to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from geofences.formats.features import Read
from geofences.lint.codes import LITTLE, Severity
from geofences.lint.feature import looked
from geofences.lint.finding import MEXICO, Finding, Region
from geofences.shapes import geometry

if TYPE_CHECKING:
    from geofences.model import Fence

    Look = Callable[[Read], list[Finding]]


def fixed(read: Sequence[Read], region: Region = MEXICO, now: int | None = None) -> dict[int, Fence]:
    """The repaired fences by the number of their feature: what is repaired is found no more, and nothing new is refused.

    Repairs of one fence that together change more than a little of the area it was read with are for people, all of them:
    so a second time repairs nothing that the first did not.
    """
    repaired: dict[int, Fence] = {}
    for number, one in enumerate(read, start=1):

        def look(read: Read, number: int = number) -> list[Finding]:
            return looked(number, read, None if read.fence is None else geometry(read.fence.shape), region, now)

        fence, loss = _repaired(one, look)
        if loss >= LITTLE:
            fence, _ = _repaired(one, look, lossless=True)
        if fence is not None:
            repaired[number] = fence
    return repaired


def _repaired(read: Read, look: Look, *, lossless: bool = False) -> tuple[Fence | None, float]:
    """A fence after one repair upon the other, and the part of its area that they changed; None without a repair.

    It comes to an end: axes are swapped and crossings undone once, all other repairs leave fewer positions.
    """
    fence, loss, found = None, 0.0, look(read)
    refusals: set[Finding] = set()
    while finding := next((one for one in found if _is_wanted(one, lossless=lossless) and one not in refusals), None):
        again = look(Read((), finding.fix))
        if _is_better(finding, found, again):
            fence, loss, found = finding.fix, loss + finding.loss, again
        else:
            refusals.add(finding)
    return fence, loss


def _is_wanted(finding: Finding, *, lossless: bool) -> bool:
    return finding.is_safe and finding.fix is not None and not (lossless and finding.loss)


def _is_better(finding: Finding, before: list[Finding], after: list[Finding]) -> bool:
    """Whether a finding is gone, and there are no more errors."""
    is_gone = all((one.code, one.place) != (finding.code, finding.place) for one in after)
    return is_gone and _errors(after) <= _errors(before)


def _errors(findings: list[Finding]) -> int:
    return sum(finding.severity is Severity.ERROR for finding in findings)
