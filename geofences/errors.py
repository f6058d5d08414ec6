"""What can be wrong with a fence, told to the person who drew it."""

from __future__ import annotations

from dataclasses import dataclass

# A file saved with the wrong tool is wrong in every feature: twenty lines show the pattern, two thousand hide it.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `feature` and `line` count from 1; `text` says what was wrong and what would be right."""

    text: str
    feature: int | None = None
    fence_id: str | None = None
    field: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        name = "no id" if self.fence_id is None else f"id {self.fence_id!r}"
        line = "" if self.line is None else f", line {self.line}"
        place = "" if self.feature is None else f"feature {self.feature} ({name}){line}: "
        if self.feature is None and self.fence_id is not None:
            place = f"fence {self.fence_id!r}: "
        return place + (f"{self.field}: " if self.field else "") + self.text


class FenceError(ValueError):
    """Fences that cannot be used. `source` names the file, `problems` holds every mistake found in it."""

    def __init__(self, problems: Problem | str | list[Problem], source: str | None = None) -> None:
        found = [Problem(problems)] if isinstance(problems, str) else problems
        self.problems: tuple[Problem, ...] = (found,) if isinstance(found, Problem) else tuple(found)
        self.source = source
        head = f"{source}: " if source else ""
        lines = [f"{head}{problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"{head}and {len(self.problems) - SHOWN} more problems")
        super().__init__("\n".join(lines))
