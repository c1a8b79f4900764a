"""The faults at full size, or some of them: `python -m tests.scenarios.faults --help`.

Says how each went; ends with the number of those that lost, repeated or disordered anything.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.scenarios.faults.faults import FAULTS, played
from tests.scenarios.faults.stage import FULL, Size, Stage, stage, told
from tests.servers import Postgres, Valkey


@contextlib.contextmanager
def running_servers() -> Iterator[tuple[Postgres, Valkey]]:
    with contextlib.ExitStack() as stack:
        postgres, valkey = Postgres(), Valkey()
        for server in (postgres, valkey):
            stack.callback(server.remove)
            server.start()
        yield postgres, valkey


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def verdict(made: Stage, fault: str, size: Size) -> str:
    """Empty when all is well."""
    try:
        outcome = asyncio.run(played(made, fault, size))
    except (AssertionError, TimeoutError) as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    wrong = [each for each in outcome.followers if each.seen != told(each, outcome.steps)]
    rows = sum(len(each.seen) for each in outcome.followers)
    say(f"  {rows} steps told, {outcome.resumed} resumptions, over in {outcome.seconds:.1f} s")
    return f"{len(wrong)} subscribers were told something else" if wrong else ""


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.scenarios.faults")
    parser.add_argument("--events", type=int, default=FULL.events)
    parser.add_argument("--subscribers", type=int, default=FULL.subscribers)
    parser.add_argument(
        "faults", nargs="*", default=list(FAULTS), metavar="FAULT", help=", ".join(FAULTS)
    )
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for all the sockets
    size = replace(FULL, events=given.events, subscribers=given.subscribers)
    failed = 0
    with (
        running_servers() as (postgres, valkey),
        tempfile.TemporaryDirectory() as folder,
        stage(postgres, valkey, Path(folder)) as made,
    ):
        for fault in given.faults:
            say(f"{fault}: {size.events} events, {size.subscribers} subscribers")
            said = verdict(made, fault, size)
            say(f"  {said or '0 lost, 0 repeated, in commit order'}")
            failed += bool(said)
            valkey.revive()
            postgres.revive()
    return failed


if __name__ == "__main__":
    sys.exit(main())
