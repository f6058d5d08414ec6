"""One run from the first topic to the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.settings import Settings, load_settings
from telematics.stream import connection, topics
from telematics.stream.local.broker import LocalBroker
from tests.chaos.brokers import Brokers
from tests.chaos.faults import SESSION_S, Deed, Extent, Fault, plan
from tests.chaos.journal import Journal
from tests.chaos.judge import Said, Verdict, judge
from tests.chaos.load import PARTITIONS, Load, Writer, load
from tests.chaos.members import Members
from tests.chaos.publisher import Publisher
from tests.chaos.report import Judged, Report
from tests.chaos.runs import copy_sets, read_back, replayed
from tests.support.feed import write
from tests.support.monitors import MonitorProcess, until_committed

MEMBERS = 3
# What is left when nobody disturbs any more is seconds of work, on a machine that may have other things to do.
_CATCHES_UP_WITHIN_S = 300.0
# The load goes on for so long after the last fault, which otherwise might find no commit to strike.
_TAIL_S = 10.0
# Of each kind of complaint, so many are told one by one.
_TOLD = 20
_INPUTS = frozenset({Kind.PING, Kind.TICK})


class Run:
    """Disturb a group of monitors on `kafka`, and judge what it said. Logs and files go to `folder`."""

    def __init__(self, kafka: LocalBroker, seed: int, extent: Extent, folder: Path, journal: Journal) -> None:
        self._kafka = kafka
        self._seed = seed
        self._extent = extent
        self._folder = folder
        self._journal = journal
        self._settings = self._settings_of("chaos")

    def _settings_of(self, name: str) -> Settings:
        kafka = {"bootstrap": self._kafka.bootstrap, "group": f"{name}.monitor", "session_timeout_s": SESSION_S}
        return load_settings(kafka=kafka, topics={"prefix": f"{name}."}, http={"port": 0})

    async def run(self) -> Report:
        """Raises what keeps a run from its verdict."""
        connection.quiet_client_log()
        await topics.create(self._settings, topics.Profile.SIM, PARTITIONS, replication=3)
        feed = load(self._seed, self._extent.vehicles, self._extent.simulated_s)
        members, brokers = await self._disturb(feed)
        self._journal.note("judge")
        alerts, letters, log = await replayed(self._settings, self._folder)
        read_alerts, read_letters = await read_back(self._settings)
        report = Report(
            seed=self._seed,
            extent=self._extent,
            inputs=sum(record.kind in _INPUTS for record in log),
            done=members.done,
            points=members.points,
            broker_restarts=brokers.restarts,
            alerts=Judged(len(alerts), judge(alerts, read_alerts)),
            dead_letters=Judged(len(letters), judge(letters, read_letters)),
            undisturbed=await self._undisturbed(feed, log, alerts) if self._extent.undisturbed_monitor else None,
            problems=tuple(members.problems),
        )
        self._explain("alert", report.alerts.verdict)
        self._explain("dead letter", report.dead_letters.verdict)
        return report

    async def _disturb(self, feed: Load) -> tuple[Members, Brokers]:
        """Write the load, do the faults, and wait until all of it is judged."""
        brokers = Brokers(self._kafka, self._settings, self._journal.note)
        writer = Writer(self._settings, self._journal.wrote)
        try:
            await writer.write_now(feed.trips)
            async with asyncio.TaskGroup() as tasks:
                members = Members(self._settings, self._folder, self._journal.note, tasks)
                publisher = Publisher(self._settings, self._journal, members.done)
                try:
                    await publisher.begin()
                    await members.grow(MEMBERS)
                    writing = tasks.create_task(writer.write(feed.inputs, self._extent.seconds + _TAIL_S))
                    await self._do_all(plan(self._seed, self._extent), members, brokers, publisher)
                    await writing
                    self._journal.note("catch up")
                    try:
                        await until_committed(self._settings, lambda: True, _CATCHES_UP_WITHIN_S)
                    except AssertionError as error:
                        members.problem(str(error))
                    await members.stop()
                finally:
                    members.kill()
        finally:
            await writer.close()
        return members, brokers

    async def _do_all(self, faults: Iterable[Fault], members: Members, brokers: Brokers, publisher: Publisher) -> None:
        """Each in its time, whether or not those before it are over; return when all are."""
        began_s = self._journal.now_s
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(began_s + fault.at_s - self._journal.now_s)
                who: Brokers | Members | Publisher = members
                match fault.deed:
                    case Deed.BROKER:
                        who = brokers
                    case Deed.PUBLISH:
                        who = publisher
                tasks.create_task(who.do(fault))

    async def _undisturbed(self, feed: Load, log: list[DumpRecord], expected: list[Said]) -> Judged:
        """What a monitor says to a copy of the log when nobody does anything to it."""
        settings = self._settings_of("undisturbed")
        await topics.create(settings, topics.Profile.SIM, PARTITIONS, replication=3)
        writer = Writer(settings, self._journal.wrote)
        try:
            await writer.write_now(feed.trips)
        finally:
            await writer.close()
        await copy_sets(settings, log)
        await write(settings, [record for record in log if record.kind in _INPUTS])
        process = MonitorProcess(settings, None, self._folder / "undisturbed.log")
        try:
            await process.until_caught_up()
            await process.terminate()
        finally:
            process.kill()
        read, _ = await read_back(settings)
        return Judged(len(expected), judge(expected, read))

    def _explain(self, what: str, verdict: Verdict) -> None:
        """Say of each complaint when its input was written, and what happened around then."""
        for kind, found in verdict.kinds():
            for said in found[:_TOLD]:
                at_s, near = self._journal.around(said.at)
                self._journal.note(
                    f"{kind} {what} {said.identity} of {said.lane} {said.place}; written at {at_s:.1f} s:"
                )
                for text in near:
                    self._journal.note(f"    {text}")
