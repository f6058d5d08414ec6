"""The members of a run: processes that come and go, are told to fail, and whose ends are all accounted for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

from telematics.settings import Settings
from tests.chaos.faults import SESSION_S, Deed, Fault, Point
from tests.chaos.journal import Note

# How long a member may take to stop: its own deadline, and what a loaded machine adds.
_STOPS_WITHIN_S = 45.0
# An order to fail at a point is given to another member when the first had nothing to commit for so long.
_PASSES_WITHIN_S = 12.0
# And in the end to nobody: then there is nothing to commit.
_HIT_WITHIN_S = 240.0
_RESTARTS_AFTER_S = 0.3
_LOOK_AGAIN_S = 0.1


class Member:
    """One process of `tests.chaos.member`."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, log: Path) -> None:
        self.number = number
        self.pid = process.pid
        self.process = process
        self.began_s = monotonic()
        self.paused = False
        self.leaving = False
        self.doomed = False
        self.faults: dict[Point, tuple[Fault, asyncio.Event]] = {}
        """Those it was told to commit upon itself, and what to set when it does."""
        self._log = log
        self._listens = False

    def __str__(self) -> str:
        return f"member {self.number} (pid {self.pid})"

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self.process.returncode is None

    @property
    def able(self) -> bool:
        """Whether it has got as far as being a monitor, and nothing else is being done to it."""
        self._listens = self._listens or b'"listening"' in self._log.read_bytes()
        return self._listens and self.alive and not (self.paused or self.leaving or self.doomed)

    def last_words(self) -> str:
        """Of its log, what stands last and is no line of JSON: that is what a traceback ends with."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in reversed(lines) if not line.startswith("{")), "nothing")

    def order(self, text: str) -> None:
        """Give an order; one to a process that has just ended is lost with it."""
        if self.process.stdin is not None and self.alive:
            self.process.stdin.write(text.encode() + b"\n")

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has just ended."""
        if self.alive:
            self.process.send_signal(number)


class Members:
    """Keeps `wanted` members running until they are asked to stop, and does to them what a fault says.

    `done` counts the deeds, `points` those inside a commit; `problems` names the ends nobody asked for.
    """

    def __init__(self, settings: Settings, folder: Path, note: Note, tasks: asyncio.TaskGroup) -> None:
        self.done: Counter[Deed] = Counter()
        self.points: Counter[tuple[Point, Deed]] = Counter()
        self.problems: list[str] = []
        self._settings = settings
        self._folder = folder
        self._note = note
        self._wanted = 0
        self._running: list[Member] = []
        self._started = 0
        self._tasks = tasks
        self._starting = asyncio.Lock()

    async def grow(self, by: int) -> None:
        """So many more from now on."""
        self._wanted += by
        for _ in range(by):
            await self._start()

    async def do(self, fault: Fault) -> None:
        """Do it, and return when it is over."""
        if fault.deed is Deed.JOIN:
            self.done[Deed.JOIN] += 1
            await self.grow(1)
        elif fault.point is not None:
            await self._at_point(fault, fault.point)
        else:
            await self._at_once(fault, await self._choose(fault.whom))

    async def stop(self) -> None:
        """Ask all to stop, as an operator would, and wait until they have."""
        self._wanted = 0
        for member in self._running:
            self._ask_to_leave(member)
        await asyncio.gather(*(self._ended(member) for member in list(self._running)))

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        self._wanted = 0
        for member in self._running:
            member.send(signal.SIGKILL)

    def problem(self, text: str) -> None:
        """Something that must not be, whatever the alerts say."""
        self._note(f"PROBLEM {text}")
        self.problems.append(text)

    async def _at_once(self, fault: Fault, member: Member) -> None:
        self._note(f"{fault.deed} {fault.much:g} {member}")
        match fault.deed:
            case Deed.KILL:
                member.doomed = True
                member.send(signal.SIGKILL)
                await self._ended(member)
            case Deed.PAUSE:
                member.send(signal.SIGSTOP)
                await self._pause(member, fault.much)
            case Deed.CUT:
                self.done[Deed.CUT] += 1
                member.order(f"cut {fault.much}")
            case Deed.CLOCK:
                self.done[Deed.CLOCK] += 1
                member.order(f"clock {fault.much}")
            case _:
                self.done[Deed.LEAVE] += 1
                self._wanted -= 1
                self._ask_to_leave(member)
                await self._ended(member)

    async def _at_point(self, fault: Fault, point: Point) -> None:
        """Have a member fail at a point of its next commit; one that has none for long is relieved by another."""
        hit = asyncio.Event()
        try:
            async with asyncio.timeout(_HIT_WITHIN_S):
                while not hit.is_set():
                    await self._arm(fault, point, hit)
        except TimeoutError:
            self._note(f"nobody passed {point} to {fault.deed} there")

    async def _arm(self, fault: Fault, point: Point, hit: asyncio.Event) -> None:
        member = await self._choose(fault.whom)
        if point in member.faults:
            await asyncio.sleep(_LOOK_AGAIN_S)
            return
        member.faults[point] = (fault, hit)
        member.order(f"at {point} {fault.deed}")
        waiting = [asyncio.ensure_future(hit.wait()), asyncio.ensure_future(member.process.wait())]
        try:
            await asyncio.wait(waiting, timeout=_PASSES_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def _choose(self, whom: float) -> Member:
        """One that has been there for a while, if there is any: it has more to lose."""
        while True:
            able = [member for member in self._running if member.able]
            settled = [member for member in able if monotonic() - member.began_s > 2 * SESSION_S]
            if able:
                among = settled or able
                return among[int(whom * len(among))]
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _pause(self, member: Member, seconds: float) -> None:
        member.paused = True
        self.done[Deed.PAUSE] += 1
        await asyncio.sleep(seconds)
        self._note(f"continue {member}")
        member.send(signal.SIGCONT)
        member.paused = False

    def _ask_to_leave(self, member: Member) -> None:
        member.leaving = True
        member.send(signal.SIGTERM)

    async def _ended(self, member: Member) -> None:
        try:
            await asyncio.wait_for(member.process.wait(), _STOPS_WITHIN_S)
        except TimeoutError:
            self.problem(f"{member} did not stop within {_STOPS_WITHIN_S:g} s of SIGTERM")
            member.send(signal.SIGKILL)
            await member.process.wait()

    async def _start(self) -> None:
        self._started += 1
        log = self._folder / f"member-{self._started:03}.log"
        own = {
            "TELEMATICS_KAFKA__BOOTSTRAP": self._settings.kafka.bootstrap,
            "TELEMATICS_KAFKA__GROUP": self._settings.kafka.group,
            "TELEMATICS_KAFKA__SESSION_TIMEOUT_S": str(self._settings.kafka.session_timeout_s),
            "TELEMATICS_TOPICS__PREFIX": self._settings.topics.prefix,
            # So that nothing but the snapshots can carry a state across.
            "TELEMATICS_REBUILD_WINDOW_S": "1",
        }
        arguments = ("monitor", "--json", "--port", "0")
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.member", *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=out,
                env=os.environ | own,
            )
        member = Member(self._started, process, log)
        self._running.append(member)
        self._note(f"start {member}")
        self._tasks.create_task(self._attend(member))

    async def _attend(self, member: Member) -> None:
        """Hear what it has to say for as long as it lives, account for its end, and put another in its place."""
        assert member.process.stdout is not None
        async for line in member.process.stdout:
            self._heard(member, line.decode().strip())
        code = await member.process.wait()
        self._running.remove(member)
        self._note(f"end {member} with {code}")
        if member.doomed and code == -signal.SIGKILL:
            self.done[Deed.KILL] += 1
        elif code or not member.leaving:
            asked = "after SIGTERM" if member.leaving else "and nobody had asked it to"
            self.problem(f"{member} ended with {code}, {asked}: {member.last_words()}")
        await asyncio.sleep(_RESTARTS_AFTER_S)
        async with self._starting:
            if len(self._running) < self._wanted:
                await self._start()

    def _heard(self, member: Member, text: str) -> None:
        self._note(f"{member}: {text}")
        match text.split():
            case ["hit", point, deed, _]:
                fault, hit = member.faults.pop(Point(point))
                self.points[Point(point), Deed(deed)] += 1
                hit.set()
            case _:
                self.problem(f"{member} said {text!r}")
                return
        match fault.deed:
            case Deed.KILL:
                member.doomed = True
            case Deed.PAUSE:
                self._tasks.create_task(self._pause(member, fault.much))
            case _:
                self.done[Deed.CUT] += 1
