# SPDX-License-Identifier: Apache-2.0
"""How long Blazar's own manager takes to create leases; run by benchmarks.planning.

    build/blazar/bin/python benchmarks/blazar_allocation.py

It runs in a virtual environment of its own, with nothing but blazar and the
databases' drivers, hence it imports nothing of ours.  Both sides speak in lines
of JSON.  The first it reads is an object: ``url`` of an empty database, number
of ``hosts``, and ``reservations`` as [host, start, end]; it answers ``"ready"``.
Each further one is a request, [start, end, hosts], answered with the ``seconds``
that the lease took, ``cpu_seconds`` of this process and SQL ``statements``.

ManagerService.create_lease is called as blazar-manager's RPC server would.  In
place of a cloud stand two stubs: Keystone's trust, and Nova's aggregate.  Blazar
is spared both, and the RPC, the API and the notification; all else is its own.
"""

from __future__ import annotations

import datetime
import gettext
import json
import sys
import tempfile
import time
import types
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

# Its modules want this to be done before they are imported.
gettext.install("blazar")

from blazar import context  # noqa: E402
from blazar.db import api as database  # noqa: E402
from blazar.db.sqlalchemy import facade_wrapper  # noqa: E402
from blazar.db.sqlalchemy import models  # noqa: E402
from blazar.manager import service  # noqa: E402
from blazar.notification import notifier  # noqa: E402
from blazar.utils import trusts  # noqa: E402
from blazar.utils.openstack import nova  # noqa: E402

_CONFIGURATION = """
[DEFAULT]
transport_url = fake:/
[oslo_messaging_notifications]
driver = noop
[manager]
plugins = physical.host.plugin
[database]
connection = {url}
"""
_PROPERTIES = '[">=", "$vcpus", "16"]'
_CATALOG = [
    {
        "type": "identity",
        "endpoints": [{"interface": "internal", "url": "http://keystone", "region": None}],
    }
]
_ROWS_AT_ONCE = 2000

Row = dict[str, Any]


def main() -> None:
    """Answer what is asked on standard input, until it ends."""
    plan = json.loads(sys.stdin.readline())
    configure(plan["url"])
    database.setup_db()
    with facade_wrapper.session_for_write() as session:
        fill(session.connection(), plan["hosts"], plan["reservations"])
    manager = service.ManagerService()
    statements = count_statements()
    say("ready")
    with caller():
        for line in sys.stdin:
            before, cpu, wall = statements[0], time.process_time(), time.perf_counter()
            create_lease(manager, *json.loads(line))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            say({"seconds": wall, "cpu_seconds": cpu, "statements": statements[0] - before})


def say(what: Any) -> None:
    """Write a line."""
    print(json.dumps(what), flush=True)


def configure(url: str) -> None:
    """Have Blazar read a configuration file, and put the stubs in place of the cloud."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(_CONFIGURATION.format(url=url))
        file.flush()
        cfg.CONF(["--config-file", file.name], project="blazar", prog="blazar-manager")
    notifier.init()
    trusts.create_ctx_from_trust = lambda _trust_id: caller()
    nova.ReservationPool.create = lambda _self, **_names: types.SimpleNamespace(id=1)


def caller() -> context.BlazarContext:
    """Return whom the leases are for."""
    return context.BlazarContext(
        project_id="project", user_id="user", service_catalog=_CATALOG, overwrite=False
    )


def create_lease(manager: service.ManagerService, start: int, end: int, hosts: int) -> None:
    """Ask for a lease as the API does."""
    lease = manager.create_lease(
        {
            "name": str(uuid.uuid4()),
            "user_id": "user",
            "trust_id": "trust",
            "start_date": moment(start).strftime(service.LEASE_DATE_FORMAT),
            "end_date": moment(end).strftime(service.LEASE_DATE_FORMAT),
            "reservations": [
                {
                    "resource_type": "physical:host",
                    "min": hosts,
                    "max": hosts,
                    "hypervisor_properties": _PROPERTIES,
                    "resource_properties": "",
                }
            ],
        }
    )
    if lease["status"] != "PENDING":
        raise SystemExit(f"no lease: {lease}")


def moment(seconds: int) -> datetime.datetime:
    """Return epoch seconds as Blazar keeps them, UTC without a zone."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)


def count_statements() -> list[int]:
    """Return the number of SQL statements so far, in a list that is kept up to date."""
    count = [0]
    with facade_wrapper.session_for_read() as session:
        engine = session.get_bind()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count_one(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        # What oslo.db sends of itself, whenever it takes a connection.
        count[0] += statement not in {"SELECT 1", "BEGIN"}

    return count


def fill(connection: sa.Connection, hosts: int, reservations: list[list[int]]) -> None:
    """Insert hosts and leases as its own API would have left them."""
    insert(connection, models.ComputeHost, (make_host(number) for number in range(1, hosts + 1)))
    rows = [make_lease(*reservation) for reservation in reservations]
    kinds = (
        models.Lease,
        models.Reservation,
        models.ComputeHostReservation,
        models.ComputeHostAllocation,
    )
    for kind, column in zip(kinds, zip(*rows), strict=True):
        insert(connection, kind, iter(column))
    insert(connection, models.Event, (event for row in rows for event in make_events(row[0])))


def insert(connection: sa.Connection, kind: Any, rows: Iterator[Row]) -> None:
    """Insert rows, many at once."""
    kept = list(rows)
    for first in range(0, len(kept), _ROWS_AT_ONCE):
        connection.execute(sa.insert(kind.__table__), kept[first : first + _ROWS_AT_ONCE])


def make_host(number: int) -> Row:
    """Return a host that has all that is asked for."""
    name = f"compute-{number}"
    return {
        "id": str(number),
        "vcpus": 32,
        "cpu_info": "{}",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 8002000,
        "hypervisor_hostname": name,
        "service_name": name,
        "memory_mb": 262_144,
        "local_gb": 1000,
        "availability_zone": "nova",
        "trust_id": "trust",
        "reservable": True,
    }


def make_lease(host: int, start: int, end: int) -> tuple[Row, Row, Row, Row]:
    """Return a lease of one host: the lease, its reservation twice, and the allocation."""
    lease, reservation, detail = (str(uuid.uuid4()) for _ in range(3))
    return (
        {
            "id": lease,
            "name": lease,
            "user_id": "user",
            "project_id": "project",
            "start_date": moment(start),
            "end_date": moment(end),
            "trust_id": "trust",
            "status": "PENDING",
        },
        {
            "id": reservation,
            "lease_id": lease,
            "resource_id": detail,
            "resource_type": "physical:host",
            "status": "pending",
        },
        {
            "id": detail,
            "reservation_id": reservation,
            "aggregate_id": 1,
            "resource_properties": "",
            "count_range": "1-1",
            "hypervisor_properties": _PROPERTIES,
            "before_end": "default",
        },
        {"id": str(uuid.uuid4()), "compute_host_id": str(host), "reservation_id": reservation},
    )


def make_events(lease: Row) -> Iterator[Row]:
    """Yield the three events that Blazar gives to every lease."""
    hour = datetime.timedelta(hours=1)
    for kind, at in (
        ("start_lease", lease["start_date"]),
        ("before_end_lease", lease["end_date"] - hour),
        ("end_lease", lease["end_date"]),
    ):
        yield {
            "id": str(uuid.uuid4()),
            "lease_id": lease["id"],
            "event_type": kind,
            "time": at,
            "status": "UNDONE",
        }


if __name__ == "__main__":
    main()
