# SPDX-License-Identifier: Apache-2.0
"""kwapi-climate benchmark: what this host can compute, measured, and told to Climate.

Owns how it is measured: products of two square matrices of doubles by NumPy,
whose BLAS uses all processors; each takes 2 n^3 operations.  That is more than
most programs get out of a processor, and the same for all hosts.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TextIO
from urllib import parse

import keystoneauth1.exceptions
import numpy as np
import requests
from keystoneauth1 import adapter
from keystoneauth1 import loading
from keystoneauth1 import session as sessions

_PROG = "kwapi-climate benchmark"
_TIMEOUT_SECONDS = 60
_SEED = 1


class Result(NamedTuple):
    """``flops``: flop/s, over all products; ``detail``: how they were made."""

    flops: float
    detail: str


class NotPosted(Exception):
    """Climate did not take the result; a sentence says why."""


def main(argv: Sequence[str]) -> int:
    """Measure, tell, and return the exit status."""
    options = _parse(argv)
    result = measure(options.size, options.seconds, _show_progress)
    print(f"{result.flops:.4g} flop/s: {result.detail}")
    if options.post is None:
        return 0
    try:
        post(options.post, options.host, result)
    except NotPosted as exc:
        print(f"{_PROG}: {exc}", file=sys.stderr)
        return 1
    print(f"Recorded for {options.host}.")
    return 0


def measure(
    size: int,
    seconds: float,
    show_progress: Callable[[float, float], None] = lambda share, flops: None,
    monotonic: Callable[[], float] = time.perf_counter,
) -> Result:
    """Return what products of so large matrices, for so long, come to; at least one is made.

    :param show_progress: is given the share done, 0 to 1, and flop/s so far.
    """
    random = np.random.default_rng(_SEED)
    one, other = random.random((size, size)), random.random((size, size))
    product = np.empty((size, size))
    # Threads are started, and memory is there, before the clock runs.
    np.matmul(one, other, out=product)
    products, begin = 0, monotonic()
    while True:
        np.matmul(one, other, out=product)
        products += 1
        elapsed = monotonic() - begin
        flops = 2.0 * size**3 * products / elapsed
        show_progress(min(1.0, elapsed / seconds) if seconds else 1.0, flops)
        if elapsed >= seconds:
            break
    processors = len(os.sched_getaffinity(0))
    return Result(
        flops,
        f"{products} products of {size} x {size} doubles in {elapsed:.1f} s on {processors} "
        f"processors, NumPy {np.__version__}",
    )


def post(url: str, host: str, result: Result) -> None:
    """Tell Climate what a host can compute.

    :param url: of Climate's API, with ``/v1`` or without.
    :raises NotPosted: it did not take it.
    """
    endpoint = url.rstrip("/").removesuffix("/v1")
    try:
        asking = adapter.Adapter(_open_session(), endpoint_override=endpoint)
        path = f"/v1/hosts/{parse.quote(host, safe='')}/performance/"
        answer = asking.put(path, json=result._asdict(), raise_exc=False)
    except keystoneauth1.exceptions.ClientException as exc:
        reason = (str(exc) or type(exc).__name__).splitlines()[0]
    else:
        if answer.status_code == 204:
            return
        reason = _explain(answer)
    raise NotPosted(f"{endpoint} did not take it: {reason}")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Measure what this host can compute: double-precision flop/s, on all "
        "processors. It should have nothing else to do meanwhile.",
        epilog="A token is taken by what the environment has of OS_AUTH_URL, OS_USERNAME, "
        "OS_PASSWORD and so on; without OS_AUTH_URL and OS_AUTH_TYPE none is sent.",
    )
    parser.add_argument(
        "--size", type=_positive, default=4096, metavar="N", help="rows of the matrices (4096)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="for how long, at least (10)"
    )
    parser.add_argument("--post", metavar="URL", help="record the result at this Climate API")
    parser.add_argument(
        "--host",
        metavar="NAME",
        default=socket.gethostname(),
        help="as Climate, and Nova, call this host (%(default)s)",
    )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _show_progress(share: float, flops: float, stream: TextIO | None = None) -> None:
    stream = stream or sys.stderr
    # On one line, where somebody looks at it.
    end = "\n" if share >= 1.0 or not stream.isatty() else "\r"
    if end == "\r" or share >= 1.0:
        print(f"{share:4.0%}  {flops:.4g} flop/s", end=end, file=stream, flush=True)


def _open_session() -> sessions.Session:
    """Return a session with the usual OS_* environment's account, or with none."""
    verify = os.environ.get("OS_CACERT") or True
    if not (os.environ.get("OS_AUTH_URL") or os.environ.get("OS_AUTH_TYPE")):
        return sessions.Session(verify=verify, timeout=_TIMEOUT_SECONDS)
    loader: Any = loading.get_plugin_loader(os.environ.get("OS_AUTH_TYPE") or "password")
    names = {option.dest: option.argparse_envvars for option in loader.get_options()}
    found = {
        name: next((os.environ[each] for each in several if os.environ.get(each)), None)
        for name, several in names.items()
    }
    auth = loader.load_from_options(**{k: v for k, v in found.items() if v is not None})
    return sessions.Session(auth=auth, verify=verify, timeout=_TIMEOUT_SECONDS)


def _explain(answer: requests.Response) -> str:
    try:
        (error,) = answer.json()["errors"]
        return f"{error['status']} {error['detail']}"
    except (KeyError, TypeError, ValueError):
        return f"it answers {answer.status_code}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
