# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector as a process: signals, new keys and outages.

At the end of each test every log is searched for every secret.
"""

from __future__ import annotations

import re
import secrets
import signal
from pathlib import Path

import sqlalchemy as sa

from tests.functional import audit as audits
from tests.servers import databases
from tests.servers import kwapi_sites
from tests.servers import rabbitmq as broker
from tests.servers import scripts
from tests.servers.kwapi_sites import audit as audit
from tests.servers.kwapi_sites import lone_site as lone_site
from tests.servers.kwapi_sites import site as site


def test_a_collector_without_a_schema_says_what_makes_it(lone_site: scripts.Site) -> None:
    collector = lone_site.script("kwapi-collector")
    assert collector.run() == 2
    assert "kwapi-manage db upgrade" in collector.log
    assert "Traceback" not in collector.log


def test_keys_are_rotated_without_a_loss(site: scripts.Site) -> None:
    """Receivers first, then senders, then the old key goes: nothing is refused meanwhile."""
    new_key = secrets.token_hex(32)
    site.add_secret(new_key)
    old, new = f"signing_keys = old:{site.key}", f"signing_keys = new:{new_key}"
    both = f"{old},new:{new_key}\nsigning_key_id = new"
    site.configure(kwapi_sites.FLUSH, both)
    audit = audits.Audit(site)
    audit.start()
    site.configure(kwapi_sites.FLUSH, old)
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    kwapi_sites.start(site, collector)
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    site.configure(kwapi_sites.FLUSH, both)
    reload(collector, 0)
    reload(drivers, 0)
    # By then what was signed with the old key is not only sent, but counted.
    for _ in range(8):
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    site.configure(kwapi_sites.FLUSH, new)
    reload(collector, 2)
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    site.configure(kwapi_sites.FLUSH, old)
    audits.send_message(site)
    scripts.wait_until(lambda: site.store().get_tallies().get("forged"), "the old key's refusal")
    assert collector.stop() == 0
    audit.stop()


def reload(process: scripts.Script, before: int) -> None:
    """Have a process reload, and return when it has: it begins the next one afterwards.

    :param before: how often it has reloaded before.
    """
    for count in (1, 2):
        process.send(signal.SIGHUP)
        process.wait_for_log("Reloading the configuration", before + count)


def test_a_wrong_key_at_reload_changes_nothing(site: scripts.Site, audit: audits.Audit) -> None:
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    kwapi_sites.start(site, collector)
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    for keys in ("# none", "signing_keys = first:short"):
        site.configure(kwapi_sites.FLUSH, keys)
        collector.send(signal.SIGHUP)
    collector.wait_for_log("going on with the configuration as it was")
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    site.configure(kwapi_sites.FLUSH)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert "Traceback" not in collector.log


def test_outages_of_the_broker_are_logged_once(
    site: scripts.Site, audit: audits.Audit, rabbitmq: broker.RabbitMQ
) -> None:
    """Twice away: each process says so twice, and oslo.messaging nothing more often."""
    site.configure(kwapi_sites.FLUSH, debug=False)
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    kwapi_sites.start(site, collector)
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    for count in (1, 2):
        rabbitmq.kill()
        try:
            drivers.wait_for_log("The broker takes no messages", count)
            collector.wait_for_log(r"ERROR oslo.messaging\S+ .*unreachable", count)
        finally:
            rabbitmq.start()
        drivers.wait_for_log("The broker takes messages again", count)
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
        collector.wait_for_log("Reconnected to AMQP server", count)
        kwapi_sites.wait_until_heard(site)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert drivers.log.count("The broker takes no messages") == 2
    for script in (collector, drivers):
        complaints = [kind_of(line) for line in script.log.splitlines() if is_complaint(line)]
        assert all(complaints.count(kind) <= 2 for kind in complaints), script.log
        assert "Traceback" not in script.log


def is_complaint(line: str) -> bool:
    return bool(re.search(r" (WARNING|ERROR) oslo", line))


def kind_of(line: str) -> str:
    """Return a complaint without its time, the connection's id, and the error's text."""
    told = re.sub(r"\[[0-9a-f-]{36}\] ", "", line.split("[-] ", 1)[-1])
    return " ".join(told.split()[:4])


def test_outages_of_the_database_are_logged_once(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> None:
    """MariaDB away, twice: said once each, nothing lost, and its password told nowhere."""
    with databases.running("mariadb") as server, server.database() as url:
        password = secrets.token_hex(8)
        site = scripts.Site(tmp_path, rabbitmq.url, with_password(server, url, password))
        site.add_secret(password)
        site.configure(kwapi_sites.FLUSH)
        audit = audits.Audit(site)
        audit.start()
        try:
            go_through_outages(site, audit, server)
        finally:
            site.close()
            audit.stop()


def with_password(server: databases.Server, url: str, password: str) -> str:
    """Make a user of the database that has a password; return the URL that names both."""
    name = sa.make_url(url).database
    engine = sa.create_engine(server.admin_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE USER kwapi@'%%' IDENTIFIED BY '{password}'")
        connection.exec_driver_sql(f"GRANT ALL ON {name}.* TO kwapi@'%%'")
    engine.dispose()
    with_user = sa.make_url(url).set(username="kwapi", password=password)
    return with_user.render_as_string(hide_password=False)


def go_through_outages(site: scripts.Site, audit: audits.Audit, server: databases.Server) -> None:
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    kwapi_sites.start(site, collector)
    drivers.start()
    for count in (1, 2):
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
        server.stop()
        collector.wait_for_log("The store takes nothing, messages wait for it", count)
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100, 10)
        server.start()
        collector.wait_for_log("The store takes records again", count)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert collector.log.count("The store takes nothing") == 2
    assert "Traceback" not in collector.log


def test_a_collector_ends_while_the_database_is_away(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """It does not wait for it, and the next one counts what waits."""
    with databases.running("mariadb") as server, server.database() as url:
        site = scripts.Site(tmp_path, rabbitmq.url, url)
        site.configure(kwapi_sites.FLUSH)
        site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
        site.upgrade()
        audit = audits.Audit(site)
        audit.start()
        collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
        try:
            server.stop()
            collector.start()
            drivers.start()
            collector.wait_for_log("The store takes nothing, messages wait for it")
            kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
            assert collector.stop() == 0
            server.start()
            collector.start()
            assert drivers.stop() == 0
            audit.settle()
            audit.compare()
            assert collector.stop() == 0
            assert "Traceback" not in collector.log
        finally:
            site.close()
            audit.stop()
