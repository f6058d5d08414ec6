"""A Kafka that asks who comes: every way in, every way to be refused, no secret told, and nothing permitted in vain."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import secrets
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from telematics.settings import SaslMechanism, SecurityProtocol, Settings, load_settings
from telematics.stream import connection, topics
from telematics.stream.fences_topic import Draft, publish_fences
from telematics.stream.reader import open_reader
from telematics.stream.topics import Profile
from telematics.stream.trips_topic import publish_trips
from tests.support import stories
from tests.support.certificates import Authority
from tests.support.feed import as_log, assert_alerts, write
from tests.support.monitors import (
    MonitorProcess,
    all_alerts,
    detail,
    eventually,
    running,
    settings_for,
    simulated_topics,
)
from tests.support.secured import OWNER, Permission, SecuredBroker, environment, secured_broker
from tests.support.worlds import PARTITIONS, World, fences, world

_PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
_SSL, _SASL_SSL, _SASL_PLAINTEXT = SecurityProtocol.SSL, SecurityProtocol.SASL_SSL, SecurityProtocol.SASL_PLAINTEXT
_PLAIN, _SCRAM_256, _SCRAM_512 = SaslMechanism.PLAIN, SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512
_DEADLINE_S = 60
# Many monitors at once on a machine that does something else too.
_LONG_S = 180.0


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """The one broker of this module; `OWNER` may sign in by every mechanism."""
    with secured_broker(tmp_path_factory.mktemp("certificates")) as broker:
        asyncio.run(broker.add_user(OWNER, broker.password))
        yield broker


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A file with the fences of the stories."""
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(stories.FENCES), encoding="utf-8")
    return path


async def _staged(secured: SecuredBroker, prefix: str) -> tuple[Settings, World]:
    """Topics with a small world on them, set up by the open door."""
    settings = await simulated_topics(secured.open, prefix, PARTITIONS)
    scene = world(14)
    await publish_trips(settings, scene.trips)
    await _publish(settings)
    await write(settings, scene.log)
    return settings, scene


async def _publish(settings: Settings) -> None:
    """The fences of the world, as a set."""
    await publish_fences(settings, Draft(fences().fences, "ana"))


async def _command(variables: dict[str, str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telematics", *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | variables,
    )
    async with asyncio.timeout(_DEADLINE_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def _ends(monitor: MonitorProcess) -> int:
    return await asyncio.to_thread(monitor.process.wait, _DEADLINE_S)


# Ways in.


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        (_SASL_SSL, _SCRAM_512),
        (_SASL_SSL, _SCRAM_256),
        (_SASL_SSL, _PLAIN),
        (_SASL_PLAINTEXT, _SCRAM_512),
        (_SSL, None),
    ],
)
async def test_alerts_come_by_every_way_in(
    secured: SecuredBroker,
    topic_prefix: str,
    drawn: Path,
    tmp_path: Path,
    protocol: SecurityProtocol,
    mechanism: SaslMechanism | None,
) -> None:
    """By TLS or without, with each kind of sign-in or a certificate, the alerts are those of the engines."""
    settings, scene = await _staged(secured, topic_prefix)
    kafka = secured.kafka(protocol, mechanism)
    if "sasl_password" in kafka:
        (tmp_path / "password").write_text(kafka.pop("sasl_password") + "\n", encoding="utf-8")
        kafka["sasl_password_file"] = str(tmp_path / "password")
    monitor = MonitorProcess(settings, drawn, tmp_path / "monitor.log", **environment(kafka))
    try:
        await monitor.until_caught_up()
        assert await monitor.terminate() == 0
    finally:
        monitor.kill()
    assert_alerts(await all_alerts(settings), scene.expected)


# Ways to be refused.

_CASES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "wrong password by PLAIN": (
        {"sasl_mechanism": "PLAIN", "sasl_password": "wrong"},
        ("refuses the sign-in of owner by PLAIN", "TELEMATICS_KAFKA__SASL_PASSWORD"),
    ),
    "wrong password by SCRAM": (
        {"sasl_password": "wrong"},
        ("refuses the sign-in of owner by SCRAM-SHA-512", "TELEMATICS_KAFKA__SASL_PASSWORD"),
    ),
    "nobody of this name": ({"sasl_username": "nobody"}, ("refuses the sign-in of nobody",)),
    "no such mechanism": (
        {"bootstrap": "{SASL_PLAINTEXT}", "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"},
        ("has no sign-in by PLAIN", "TELEMATICS_KAFKA__SASL_MECHANISM"),
    ),
    "no sign-in expected": (
        {"bootstrap": "{PLAINTEXT}", "security_protocol": "SASL_PLAINTEXT"},
        ("asks for no sign-in", "SECURITY_PROTOCOL is SASL_PLAINTEXT"),
    ),
    "unknown authority": (
        {"ssl_cafile": "{other}"},
        ("cannot be trusted: unable to get local issuer certificate", "TELEMATICS_KAFKA__SSL_CAFILE ({other})"),
    ),
    "another name": (
        {"bootstrap": "localhost:{port}"},
        ("the certificate of localhost:", "not valid for 'localhost'", "TELEMATICS_KAFKA__BOOTSTRAP"),
    ),
    "a broker that calls itself so": (
        {"bootstrap": "{ALIAS}", "security_protocol": "SSL"},
        ("the certificate of localhost:", "not valid for 'localhost'", "advertised.listeners"),
    ),
    "lapsed server": (
        {"bootstrap": "{LAPSED}", "security_protocol": "SSL"},
        ("cannot be trusted: certificate has expired", "renew it at the broker"),
    ),
    "lapsed client": (
        {
            "bootstrap": "{SSL}",
            "security_protocol": "SSL",
            "ssl_certfile": "{lapsed_client}",
            "ssl_keyfile": "{lapsed_client}",
        },
        ("refuses our certificate", "TELEMATICS_KAFKA__SSL_CERTFILE ({lapsed_client})"),
    ),
    "no client certificate": (
        {"bootstrap": "{SSL}", "security_protocol": "SSL"},
        ("refuses our certificate", "TELEMATICS_KAFKA__SSL_CERTFILE (not set)"),
    ),
    "plain text where TLS is spoken": (
        {"security_protocol": "PLAINTEXT"},
        ("hangs up on our first words", "TELEMATICS_KAFKA__SECURITY_PROTOCOL is PLAINTEXT"),
    ),
    "TLS where plain text is spoken": (
        {"bootstrap": "{PLAINTEXT}"},
        ("hangs up on our first words", "TELEMATICS_KAFKA__SECURITY_PROTOCOL is SASL_SSL"),
    ),
    "TLS without the sign-in": ({"security_protocol": "SSL"}, ("SECURITY_PROTOCOL is SSL",)),
    "no such authority file": (
        {"ssl_cafile": "/nowhere/ca.pem"},
        ("TELEMATICS_KAFKA__SSL_CAFILE: cannot use /nowhere/ca.pem: No such file",),
    ),
    "no PEM": ({"ssl_cafile": "{fences}"}, ("TELEMATICS_KAFKA__SSL_CAFILE: cannot use {fences}", "PEM")),
    "no password": ({"sasl_password": ""}, ("SASL_USERNAME and SASL_PASSWORD are both needed",)),
}
_USAGE = {"no such authority file", "no PEM", "no password"}


@pytest.mark.parametrize("case", _CASES)
async def test_every_refusal_says_what_to_look_at(
    secured: SecuredBroker, drawn: Path, tmp_path: Path, case: str
) -> None:
    """Whatever keeps us out is one line with who refuses, why, and which setting to look at; never "no answer"."""
    known = {
        "PLAINTEXT": secured.open,
        **{listener: secured.at(listener) for listener in secured.ports},
        "port": str(secured.ports["SASL_SSL"]),
        "other": str(Authority(tmp_path, "other").file),
        "lapsed_client": str(secured.lapsed_client),
        "fences": str(drawn),
    }
    change, said = _CASES[case]
    kafka = secured.kafka() | {name: value.format(**known) for name, value in change.items()}
    code, out, err = await _command(environment(kafka), "topics", "check")
    assert (code, out) == (2 if case in _USAGE else 1, "")
    (line,) = err.splitlines()
    for part in said:
        assert part.format(**known) in line
    assert "no answer" not in line


async def test_doctor_says_what_a_refusal_means(secured: SecuredBroker) -> None:
    """A wrong password is no broker to be started: the check names the sign-in and the setting."""
    code, out, _ = await _command(environment(secured.kafka(password="wrong")), "doctor", "--json")
    (broker,) = [check for check in json.loads(out)["checks"] if check["check"] == "broker"]
    assert code == 1
    assert "refuses the sign-in of owner" in broker["seen"]
    assert "TELEMATICS_KAFKA__SASL_PASSWORD" in broker["remedy"]


async def test_a_refused_sign_in_ends_the_monitor(
    secured: SecuredBroker, topic_prefix: str, drawn: Path, tmp_path: Path
) -> None:
    """The password was read at the start, so that only a new start can help: exit code 1, and one line that says why."""
    settings = await simulated_topics(secured.open, topic_prefix, 1)
    kafka = secured.kafka(password="wrong")
    monitor = MonitorProcess(settings, drawn, tmp_path / "monitor.log", **environment(kafka))
    try:
        assert await _ends(monitor) == 1
    finally:
        monitor.kill()
    last = (tmp_path / "monitor.log").read_text().splitlines()[-1]
    assert last.startswith(f"error: {secured.at('SASL_SSL')} refuses the sign-in of owner")
    assert "Traceback" not in (tmp_path / "monitor.log").read_text()


async def test_a_changed_password_hands_over_to_who_knows_it(
    secured: SecuredBroker, topic_prefix: str, drawn: Path, tmp_path: Path
) -> None:
    """The monitor with the old password ends at its next sign-in; the one with the new has all partitions."""
    settings, scene = await _staged(secured, topic_prefix)
    user, old, new = f"{topic_prefix}user", secrets.token_urlsafe(), secrets.token_urlsafe()
    await secured.add_user(user, old)
    await secured.permit(user, _permissions(settings))
    before, after = (
        MonitorProcess(
            settings, drawn, tmp_path / f"{number}.log", **environment(secured.kafka(user=user, password=password))
        )
        for number, password in enumerate((old, new))
    )
    try:
        assert await _ends(after) == 1  # its password is not yet there
        await before.until_caught_up()
        await secured.add_user(user, new)
        after = MonitorProcess(
            settings, drawn, tmp_path / "after.log", **environment(secured.kafka(user=user, password=new))
        )
        assert await _ends(before) == 1
        assert "refuses the sign-in of" in before.log.read_text().splitlines()[-1]

        async def alone() -> bool:
            status, page = await after.get("/readyz")
            return status == 200 and f"{PARTITIONS} partitions are ours" in page

        await eventually(alone, "the new one has all partitions")
    finally:
        before.kill()
        after.kill()
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_what_others_can_put_right_is_waited_for(
    secured: SecuredBroker, topic_prefix: str, drawn: Path, tmp_path: Path
) -> None:
    """A certificate that is not trusted is shown by /readyz and said once; with the right authority in place it goes on."""
    settings, scene = await _staged(secured, topic_prefix)
    trusted = Authority(tmp_path, "trusted").file
    kafka = secured.kafka() | {"ssl_cafile": str(trusted)}
    monitor = MonitorProcess(settings, drawn, tmp_path / "monitor.log", **environment(kafka))
    try:

        async def told() -> bool:
            status, page = await monitor.get("/readyz")
            return status == 503 and "cannot be trusted" in json.loads(page)["checks"]["broker"]["detail"]

        await eventually(told, "readiness says whom it does not trust")
        trusted.write_bytes(secured.authority.read_bytes())
        await monitor.until_caught_up()
    finally:
        monitor.kill()
    assert monitor.log.read_text().count("broker_lost") == 1
    assert_alerts(await all_alerts(settings), scene.expected)


# Secrets.


@pytest.mark.parametrize(("mechanism", "form"), [(_PLAIN, "json"), (_SCRAM_512, "console")])
async def test_the_password_is_nowhere(
    secured: SecuredBroker, topic_prefix: str, drawn: Path, tmp_path: Path, mechanism: SaslMechanism, form: str
) -> None:
    """Logs at debug level, errors, metrics, readiness, doctor, the settings in words, the command line: none has it."""
    settings, _ = await _staged(secured, topic_prefix)
    wrong = secrets.token_urlsafe()
    told: list[str] = []
    for password in (secured.password, wrong):
        kafka = secured.kafka(mechanism=mechanism, password=password)
        variables = environment(kafka) | {"TELEMATICS_LOG__LEVEL": "debug", "TELEMATICS_LOG__FORMAT": form}
        log = tmp_path / f"{len(told)}.log"
        monitor = MonitorProcess(settings, drawn, log, **variables)
        try:
            if password == wrong:
                assert await _ends(monitor) == 1
            else:
                await monitor.until_caught_up()
                told += [(await monitor.get(path))[1] for path in ("/metrics", "/readyz")]
                told += psutil.Process(monitor.process.pid).cmdline()
                assert await monitor.terminate() == 0
        finally:
            monitor.kill()
        assert "Request to" in log.read_text()  # aiokafka speaks at this level
        told += [log.read_text(), repr(load_settings(kafka=kafka)), str(load_settings(kafka=kafka))]
        told += (await _command(variables | {"TELEMATICS_TOPICS__PREFIX": topic_prefix}, "doctor", "--json"))[1:]
    assert all(told)
    for password in (secured.password, wrong):
        for shape in (password, base64.b64encode(password.encode()).decode(), password.encode().hex()):
            assert [text for text in told if shape in text] == []


# Permissions.


def _permissions(settings: Settings, profile: Profile = Profile.LIVE) -> list[Permission]:
    """What docs/security.md lists for the monitor, for the topics and group of these settings."""
    parser = ArgumentParser()
    for option in ("--bootstrap-server", "--command-config", "--allow-principal", "--topic", "--group"):
        parser.add_argument(option)
    parser.add_argument("--transactional-id")
    parser.add_argument("--resource-pattern-type", default="literal")
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--operation", action="append")
    found = []
    for line in re.findall(r"^kafka-acls (.*)$", _PAGE, re.MULTILINE):
        given = parser.parse_args(shlex.split(line))
        assert given.allow_principal == "User:telematics"
        resource, name = next(
            (option, value)
            for option in ("topic", "group", "transactional-id")
            if (value := getattr(given, option.replace("-", "_")))
        )
        ours = name.replace("telematics-monitor", settings.kafka.group).replace("telematics.", settings.topics.prefix)
        found += [Permission(operation, resource, ours, given.resource_pattern_type) for operation in given.operation]
    if profile is Profile.SIM:
        found.remove(Permission("Write", "topic", settings.topics.pings))
    return found


async def test_the_documented_permissions_are_enough(secured: SecuredBroker, topic_prefix: str, tmp_path: Path) -> None:
    """With exactly what docs/security.md lists the monitor alerts, writes dead letters and ticks."""
    settings = settings_for(secured.open, topic_prefix)
    await topics.create(settings, Profile.LIVE, 1)
    await _publish(settings)
    user, password = f"{topic_prefix}user", secrets.token_urlsafe()
    await secured.add_user(user, password)
    await secured.permit(user, _permissions(settings))
    monitor = MonitorProcess(
        settings,
        None,
        tmp_path / "monitor.log",
        TELEMATICS_TICK_INTERVAL_S="2",
        **environment(secured.kafka(user=user, password=password)),
    )
    try:
        await _write_rubbish(settings)

        async def at_work() -> bool:
            status, page = await monitor.get("/readyz")
            return status == 200 and "at offset" in page and await _letters(settings) == 1 and await _ticked(settings)

        await eventually(at_work, "ready, with a dead letter and a tick")
    finally:
        monitor.kill()
    assert "does not permit" not in monitor.log.read_text()


async def test_alerts_come_with_the_documented_permissions(
    secured: SecuredBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """On a sim topic, where the monitor writes no ticks, it does without the permission for them."""
    settings, scene = await _staged(secured, topic_prefix)
    user, password = f"{topic_prefix}user", secrets.token_urlsafe()
    await secured.add_user(user, password)
    await secured.permit(user, _permissions(settings, Profile.SIM))
    kafka = secured.kafka(user=user, password=password)
    monitor = MonitorProcess(settings, None, tmp_path / "monitor.log", **environment(kafka))
    try:
        await monitor.until_caught_up()
    finally:
        monitor.kill()
    assert_alerts(await all_alerts(settings), scene.expected)
    assert "does not permit" not in monitor.log.read_text()


async def test_each_documented_permission_is_needed_named_and_enough(secured: SecuredBroker, topic_prefix: str) -> None:
    """Without one, readiness names just that one; as soon as it is given, the monitor works without a new start."""
    every = _permissions(settings_for(secured.open, topic_prefix))
    assert len(every) == 11
    # A topic of which we may know is refused later than one of which we may not.
    cases = [(number, may_see) for number, one in enumerate(every) for may_see in (False, one.resource == "topic")]
    async with asyncio.TaskGroup() as all_of_them:
        for number, may_see in sorted(set(cases)):
            all_of_them.create_task(_without(secured, f"{topic_prefix}{number}{may_see}.", number, may_see=may_see))


async def _without(secured: SecuredBroker, prefix: str, number: int, *, may_see: bool) -> None:
    by_the_open_door = settings_for(secured.open, prefix)
    await topics.create(by_the_open_door, Profile.LIVE, 1)
    await _publish(by_the_open_door)
    await _write_rubbish(by_the_open_door)
    await write(by_the_open_door, as_log(stories.fleet(4), 1))
    user, password = f"{prefix}user", secrets.token_urlsafe()
    permissions = _permissions(by_the_open_door)
    missing = permissions.pop(number)
    if may_see:
        permissions.append(Permission("Describe", "topic", missing.name))
    await secured.add_user(user, password)
    await secured.permit(user, permissions)
    kafka = secured.kafka(user=user, password=password) | {"group": by_the_open_door.kafka.group}
    settings = load_settings(kafka=kafka, topics={"prefix": prefix}, tick_interval_s=2.0)
    async with running(settings, None) as monitor:

        async def named() -> bool:
            return "does not permit" in monitor.checks()["broker"].detail

        await eventually(named, f"readiness misses {missing}", _LONG_S)
        told = monitor.checks()["broker"].detail
        assert f"does not permit {user} {_in_words(missing, may_see=may_see)};" in told, told
        assert told.count("does not permit") == 1
        await secured.permit(user, [missing])

        async def well() -> bool:
            checks = monitor.checks()
            return "partition 0" in checks and all(check.ok for check in checks.values())

        try:
            await eventually(well, f"it works with {missing}", _LONG_S)
        except AssertionError:
            raise AssertionError(f"{missing}: {detail(monitor.checks())}") from None

        async def is_told() -> bool:
            return await _letters(by_the_open_door) == 1

        await eventually(is_told, f"its dead letter with {missing}", _LONG_S)
    assert await all_alerts(by_the_open_door)


def _in_words(missing: Permission, *, may_see: bool) -> str:
    """As the refusal says it. What is asked first of a topic is to see it; some other permission may include that."""
    sees = may_see or missing.resource != "topic" or missing.name.endswith((".pings", ".vehicle-state"))
    operation = missing.operation if sees else "Describe (part of Read and of Write)"
    name = f"{missing.name}*" if missing.pattern == "prefixed" else missing.name
    return f"{operation} on the {missing.resource.replace('-', ' ')} {name}"


async def test_the_commands_need_what_is_documented(
    secured: SecuredBroker, topic_prefix: str, drawn: Path, tmp_path: Path
) -> None:
    """Each command works for a user who has just the permissions of its row in docs/security.md."""
    settings = settings_for(secured.open, topic_prefix)
    trips = tmp_path / "trips.ndjson"
    trips.write_text('{"vehicle_id":"T-1","trip":{"id":"V-9"}}\n', encoding="utf-8")
    table = _PAGE.partition("The commands need")[2].partition("\n\nWhoever")[0]
    rows = dict(re.findall(r"^\| `(.*?)` \| (.*) \|$", table, re.MULTILINE))
    told: dict[str, Any] = {}

    async def try_out(row: str, *arguments: object) -> None:
        user, password = f"{topic_prefix}{row.replace(' ', '.')}", secrets.token_urlsafe()
        listed = re.findall(r"`(\w+) (?:(group|transactional-id) )?telematics[.-]([\w.*-]+)`", rows.pop(row))
        await secured.add_user(user, password)
        await secured.permit(
            user,
            [
                Permission(operation, "topic", topic_prefix, "prefixed")
                if name == "*"
                else Permission(
                    operation,
                    resource or "topic",
                    (settings.kafka.group if resource == "group" else topic_prefix + name),
                )
                for operation, resource, name in listed
            ],
        )
        kafka = environment(secured.kafka(user=user, password=password))
        ours = {"TELEMATICS_TOPICS__PREFIX": topic_prefix, "TELEMATICS_KAFKA__GROUP": settings.kafka.group}
        code, out, err = await _command(kafka | ours, *arguments)
        assert (code, err) == (0, ""), (row, code, out, err)
        told[row] = out

    await try_out("topics create", "topics", "create", "--partitions", "1", "--profile", "sim")
    await _write_rubbish(settings)
    await write(settings, [record for record in world(14).log if record.partition == 0])
    await try_out("fences publish", "fences", "publish", drawn)
    await try_out("fences history", "fences", "history")
    async with running(settings, None) as monitor:
        await monitor.until_caught_up()
    alert = (await all_alerts(settings))[0]
    await try_out("topics check", "topics", "check")
    await try_out("topics dump", "topics", "dump", "--out", tmp_path / "dump.ndjson")
    await try_out("trips publish", "trips", "publish", trips)
    await try_out("trips show", "trips", "show", "T-1")
    await try_out("watch", "watch", "--no-follow", "--all", "--json")
    await try_out("explain ALERT_ID", "explain", alert.alert_id, "--json")
    about = ("--vehicle", alert.vehicle_id, "--at", "2026-01-28T12:30:00Z")
    await try_out("explain --vehicle", "explain", *about, "--json")
    await try_out("deadletter list", "deadletter", "list", "--json")
    place = json.loads(told["deadletter list"].splitlines()[0])["place"]
    await try_out("deadletter show", "deadletter", "show", place)
    await try_out("deadletter retry", "deadletter", "retry", place)
    await try_out("doctor", "doctor", "--fences", drawn)
    assert rows == {}
    assert len(told["watch"].splitlines()) == len(await all_alerts(settings))


async def _write_rubbish(settings: Settings) -> None:
    """A record that becomes a dead letter, and a state that is gone: something that has to be read."""
    producer = connection.producer(settings.kafka)
    await producer.start()
    await producer.send_and_wait(settings.topics.pings, b"{", b"T-1", partition=0, timestamp_ms=1_769_601_600_000)
    await producer.send_and_wait(settings.topics.states, None, b"T-1", partition=0)
    await producer.stop()


async def _letters(settings: Settings) -> int:
    return await _records(settings, settings.topics.deadletters)


async def _ticked(settings: Settings) -> bool:
    return await _records(settings, settings.topics.pings) > 1


async def _records(settings: Settings, topic: str) -> int:
    """How many records can be read now."""
    async with open_reader(settings.kafka, topic) as reader:
        return sum([len(records) async for _, records in reader.until(await reader.ends())])
