# SPDX-License-Identifier: Apache-2.0
"""From readings to stored energy through a real, durable RabbitMQ: what it costs.

Run from the repository's root; it starts a RabbitMQ of its own::

    .venv/bin/python -m benchmarks.bus flat          # as fast as it goes, beside the baselines
    .venv/bin/python -m benchmarks.bus paced --minutes 5

`flat` runs, in turn and several times, the same 10,008 probes (417 PDUs of 24
outlets) through

  kwapi      our publisher, RabbitMQ, kwapi-collector: signed, verified, integrated, stored
  bare       the same messages, RabbitMQ, an oslo.messaging listener that does nothing
  zeromq     what the first Kwapi did: one signed JSON message per measurement over
             pyzmq, verified and added up in memory, nothing stored

and prints CPU per measurement of the receiving process, and ratios.  CPU is
the figure to trust on a shared machine.  `paced` sends every probe once a
second and prints the collector's CPU, memory and losses.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import NamedTuple

from energybase import service
from energybase.db import migration
from energybase.db import transaction
from kwapi import measurement
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from kwapi.store import store as stores
from kwapi.store import tables
from tests.servers import rabbitmq

PDUS, OUTLETS = 417, 24
PROBES = PDUS * OUTLETS
NAMES = [tuple(f"rack-{p:03}.server-{o:02}" for o in range(OUTLETS)) for p in range(PDUS)]
#: Children inherit it.
KEY = os.environ.setdefault("KWAPI_BENCH_KEY", secrets.token_hex(32))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    modes = parser.add_subparsers(dest="mode", required=True)
    flat = modes.add_parser("flat", help="as fast as it goes, beside the baselines")
    flat.add_argument("--rounds", type=int, default=30, help="measurements of each probe")
    flat.add_argument("--repeats", type=int, default=3)
    paced = modes.add_parser("paced", help="every probe once a second")
    paced.add_argument("--minutes", type=float, default=5.0)
    for name in ("_bare", "_zeromq"):
        child = modes.add_parser(name)
        child.add_argument("where")
        child.add_argument("count", type=int)
    args = parser.parse_args()
    if args.mode == "_bare":
        receive_bare(args.where)
    elif args.mode == "_zeromq":
        receive_zeromq(args.where, args.count)
    else:
        with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder, broker(folder) as url:
            (run_flat if args.mode == "flat" else run_paced)(Path(folder), url, args)


class Cost(NamedTuple):
    """What one run took: CPU of the receiver and of the sender, and wall time."""

    receive_us: float
    send_us: float
    per_second: float


def run_flat(folder: Path, url: str, args: argparse.Namespace) -> None:
    """Print the ways side by side."""
    ways = {"kwapi": flat_kwapi, "bare": flat_bare, "zeromq": flat_zeromq}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for repeat in range(args.repeats):
        for name, way in ways.items():
            cost = way(folder / f"{name}-{repeat}", url, args.rounds)
            costs[name].append(cost)
            print(
                f"  {name:7} {cost.receive_us:7.2f} us received {cost.send_us:7.2f} us sent "
                f"{cost.per_second:9,.0f}/s",
                flush=True,
            )
    print(f"\n{PROBES} probes x {args.rounds}; medians of {args.repeats}; CPU per measurement")
    ours = costs["kwapi"]
    for name, runs in costs.items():
        ratios = [mine.receive_us / other.receive_us for mine, other in zip(ours, runs)]
        print(
            f"  {name:7} receive {median(runs, 0):6.2f} us   send {median(runs, 1):6.2f} us   "
            f"{median(runs, 2):9,.0f}/s   kwapi's CPU is {statistics.median(ratios):.2f} of it"
        )


def median(runs: list[Cost], field: int) -> float:
    """Return the median of one figure."""
    return statistics.median(run[field] for run in runs)


def flat_kwapi(folder: Path, url: str, rounds: int) -> Cost:
    """Our way, with the real kwapi-collector as a process."""
    with collecting(folder, url) as (process, store, conf):
        before = cpu_seconds(process.pid)
        sent_cpu, begun = publish(publisher_of(conf), rounds)
        wait(lambda: store.get_tallies().get("measurements", 0) >= rounds * PROBES, process)
        took = time.monotonic() - begun
        used = cpu_seconds(process.pid) - before
        check(store, rounds)
    return per_measurement(used, sent_cpu, took, rounds)


def flat_bare(folder: Path, url: str, rounds: int) -> Cost:
    """The same messages to a listener that does nothing."""
    conf = configured(folder, url)
    with child("_bare", str(folder / "kwapi.conf"), "0") as process:
        before = cpu_seconds(process.pid)
        publisher = publisher_of(conf)
        sent_cpu, begun = publish(publisher, rounds)
        assert process.stdin
        print(publisher.signer.sequence, file=process.stdin, flush=True)
        used = float(answer(process)) - before
        took = time.monotonic() - begun
    return per_measurement(used, sent_cpu, took, rounds)


def flat_zeromq(folder: Path, _url: str, rounds: int) -> Cost:
    """The first Kwapi's way, but with back-pressure, hence without its losses."""
    import zmq

    folder.mkdir()
    socket = zmq.Context.instance().socket(zmq.PUSH)
    socket.bind(f"ipc://{folder}/socket")
    with child("_zeromq", f"ipc://{folder}/socket", str(rounds * PROBES)) as process:
        before, begun, own = cpu_seconds(process.pid), time.monotonic(), time.process_time()
        for number in range(rounds):
            for pdu in NAMES:
                for probe in pdu:
                    socket.send_multipart(first_kwapi_message(probe, 100.0 + number))
        sent_cpu = time.process_time() - own
        used = float(answer(process)) - before
        took = time.monotonic() - begun
    socket.close()
    return per_measurement(used, sent_cpu, took, rounds)


def per_measurement(used: float, sent: float, took: float, rounds: int) -> Cost:
    """Return a run's figures for each measurement."""
    count = rounds * PROBES
    return Cost(used / count * 1e6, sent / count * 1e6, count / took)


def run_paced(folder: Path, url: str, args: argparse.Namespace) -> None:
    """Print what the collector needs for every probe once a second."""
    seconds = int(args.minutes * 60)
    with collecting(folder / "paced", url) as (process, store, conf):
        before, begun, first = cpu_seconds(process.pid), time.monotonic(), time.time()
        publisher = publisher_of(conf)
        for second in range(seconds):
            for reading in readings(first + second, 100.0 + second % 7):
                publisher.publish(reading)
            time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
            if second % 30 == 29:
                share = (cpu_seconds(process.pid) - before) / (time.monotonic() - begun)
                print(
                    f"  {second + 1} s: collector {share:.1%} of a core, "
                    f"{peak_megabytes(process.pid):.0f} MB at most",
                    flush=True,
                )
        publisher.stop()
        wait(lambda: store.get_tallies().get("measurements", 0) >= seconds * PROBES, process)
        share = (cpu_seconds(process.pid) - before) / (time.monotonic() - begun)
        tallies = store.get_tallies()
        print(
            f"\n{PROBES} probes once a second for {seconds} s: collector {share:.1%} of a core, "
            f"{peak_megabytes(process.pid):.0f} MB at most; "
            f"{seconds * PROBES - tallies['measurements']} measurements missing, "
            f"{tallies.get('lost', 0)} messages lost, {publisher.dropped} dropped"
        )
        check_energy(store, [100.0 + second % 7 for second in range(seconds)])


def publish(publisher: publishers.Publisher, rounds: int) -> tuple[float, float]:
    """Publish as fast as the broker takes it; return CPU seconds, and when it began."""
    begun, own, first = time.monotonic(), time.process_time(), time.time()
    for number in range(rounds):
        for reading in readings(first - rounds + number, 100.0 + number % 7):
            publisher.publish(reading)
        while publisher.kept > 3 * PROBES:
            time.sleep(0.005)
    while publisher.kept:
        time.sleep(0.005)
    used = time.process_time() - own
    publisher.stop()
    return used, begun


def readings(timestamp: float, watts: float) -> Iterator[measurement.Reading]:
    """Yield one reading of every PDU."""
    column = tuple(watts + outlet for outlet in range(OUTLETS))
    for number, probes in enumerate(NAMES):
        yield measurement.Reading(f"pdu-{number}", timestamp, probes, column, (), 1.0, 1.0)


def publisher_of(conf: Any) -> publishers.Publisher:
    """Return a running publisher as kwapi-drivers has it."""
    from kwapi.bus import producer

    publisher = producer.Producer(conf, transports.get_transport(conf)).publisher
    publisher.start()
    return publisher


def check(store: stores.Store, rounds: int) -> None:
    """Fail unless exactly the energy sent is stored."""
    check_energy(store, [100.0 + number % 7 for number in range(rounds)])


def check_energy(store: stores.Store, watts: list[float]) -> None:
    """Fail unless every probe has the energy of these watts, a second apart."""
    joules = sum(a + b for a, b in zip(watts, watts[1:])) / 2
    for outlet in (0, OUTLETS - 1):
        expected = (joules + outlet * (len(watts) - 1)) / 3.6e6
        for pdu in NAMES[:: PDUS // 7]:
            found = store.get_record(pdu[outlet]).kwh
            if abs(found - expected) > 1e-9 * expected:
                raise SystemExit(f"{pdu[outlet]}: {found} kWh stored, {expected} kWh sent")


@contextmanager
def collecting(folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[str], stores.Store, Any]]:
    """Run kwapi-collector on a store of its own."""
    conf = configured(folder, url)
    engine = transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, tables.SCHEMA)
    command = Path(sys.executable).with_name("kwapi-collector")
    process = subprocess.Popen(
        [command, "--config-file", folder / "kwapi.conf", "--log-file", folder / "log"], text=True
    )
    try:
        time.sleep(4)
        yield process, stores.open_store(conf), conf
    finally:
        process.terminate()
        process.wait(30)


def configured(folder: Path, url: str) -> Any:
    """Return a configuration with a topic and a database of its own."""
    folder.mkdir(parents=True)
    path = folder / "kwapi.conf"
    path.write_text(
        f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {url}\n"
        f"[bus]\nsigning_keys = bench:{KEY}\ntopic = {folder.name}\n"
    )
    return service.prepare(
        ["--config-file", str(path), "--log-file", str(folder / "own-log")],
        "bench",
        register=(options.register_opts,),
        project="kwapi",
    )


@contextmanager
def broker(folder: str) -> Iterator[str]:
    """Run a RabbitMQ."""
    server = rabbitmq.RabbitMQ(Path(folder) / "rabbitmq")
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@contextmanager
def child(mode: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of the baselines' receivers; it says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bus", mode, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        answer(process)
        time.sleep(1)
        yield process
    finally:
        process.kill()
        process.wait()


def answer(process: subprocess.Popen[str]) -> str:
    """Return the next line that a child says."""
    assert process.stdout
    return process.stdout.readline()


def receive_bare(path: str) -> None:
    """Listen as kwapi-collector does, and do nothing; say the CPU used in the end."""
    import oslo_messaging

    conf = service.prepare(
        ["--config-file", path], "bench", register=(options.register_opts,), project="kwapi"
    )
    heard = 0

    class Endpoint:
        def info(self, messages: list[Any]) -> None:
            nonlocal heard
            heard += len(messages)

    listener = oslo_messaging.get_batch_notification_listener(
        transports.get_transport(conf),
        [oslo_messaging.Target(topic=conf.bus.topic)],
        [Endpoint()],
        allow_requeue=True,
        batch_size=conf.bus.prefetch // 2,
        batch_timeout=conf.collector.flush_seconds,
    )
    listener.start(override_pool_size=1)
    print("ready", flush=True)
    count = int(sys.stdin.readline())
    while heard < count:
        time.sleep(0.02)
    print(cpu_seconds(os.getpid()), flush=True)
    os._exit(0)


def first_kwapi_message(probe: str, watts: float) -> list[bytes]:
    """Return a message in the first Kwapi's form: topic, JSON signed name by name."""
    message: dict[str, Any] = {"probe_id": probe, "w": watts, "v": 230.0, "a": watts / 230}
    signature = hmac.new(KEY.encode(), digestmod=hashlib.sha256)
    for name in sorted(message):
        signature.update(name.encode())
        signature.update(str(message[name]).encode())
    message["message_signature"] = signature.hexdigest()
    return [f"{probe}.".encode(), json.dumps(message).encode()]


def receive_zeromq(address: str, count: int) -> None:
    """Verify and add up as the first Kwapi did; say the CPU used in the end."""
    import zmq

    socket = zmq.Context.instance().socket(zmq.PULL)
    socket.connect(address)
    print("ready", flush=True)
    records: dict[str, tuple[float, float]] = {}
    for _ in range(count):
        message = json.loads(socket.recv_multipart()[1])
        claimed = message.pop("message_signature")
        signature = hmac.new(KEY.encode(), digestmod=hashlib.sha256)
        for name in sorted(message):
            signature.update(name.encode())
            signature.update(str(message[name]).encode())
        if signature.hexdigest() != claimed:
            raise SystemExit("bad signature")
        now, watts = time.time(), float(message["w"])
        before, kwh = records.get(message["probe_id"], (now, 0.0))
        records[message["probe_id"]] = (now, kwh + (now - before) / 3600 * watts / 1000)
    print(cpu_seconds(os.getpid()), flush=True)


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """Return the largest resident size of a process so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def wait(until: Any, process: subprocess.Popen[str], seconds: float = 300) -> None:
    """Wait for something to become true while a process lives."""
    deadline = time.monotonic() + seconds
    while not until():
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended")
        if time.monotonic() > deadline:
            raise SystemExit("not all arrived in time")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
