"""``python -m tests.tools.faults``: hurt a release at every point with every harm, and print what became of it.

It ends with status 1 where anything was lost or stuck. The last line is the summary.
"""

import argparse
import os
import queue
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tasks.rehearsal.registry import forget_images, registry
from tests.support import machine
from tests.support.helm import chart_repository, served
from tests.support.registry import push_mirror

from .driver import ERRORS, SIGNALS
from .harness import CONVERGED, Harness, Verdict, summary, table
from .stage import Around, Stage

HARMS = (*SIGNALS, *ERRORS)
_NEEDED = ("3.2.1", "3.3.8")
_OFTEN = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the harness; return 0 where every release converged."""
    options = _parser().parse_args(arguments)
    missing = machine.missing_for_engine()
    if missing:
        print(f"error: {missing}", file=sys.stderr)
        return 3
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hubpress-faults-") as folder, opened(Path(folder)) as around:
        harnesses = [
            Harness(Stage(Path(folder) / name, around, name), remembers=options.quick)
            for name in (f"side-{number}" for number in range(options.side_by_side))
        ]
        verdicts = list(hurt_everywhere(harnesses, options.harms or HARMS))
        points = len(harnesses[0].points)
    print(f"\n{table(verdicts)}\n\n{summary(points, verdicts)}, in {time.monotonic() - begin:.0f} s")
    return 0 if all(verdict.kind == CONVERGED for verdict in verdicts) else 1


@contextmanager
def opened(folder: Path) -> Iterator[Around]:
    """Keep a registry with the base images and a Helm repository open, in a home of their own."""
    with ExitStack() as held:
        patch = held.enter_context(pytest.MonkeyPatch.context())
        home = machine.make_home(folder / "home")
        for name in machine.users_own_variables():
            patch.delenv(name)
        for name, value in home.env.items():
            patch.setenv(name, value)
        chart_repository(folder / "charts")
        charts = held.enter_context(served(folder / "charts"))
        images = held.enter_context(registry(folder / "registry"))
        held.callback(forget_images, images.address)
        base = push_mirror(images.address, _NEEDED)
        yield Around(images, base, charts.url, machine.write_guards(folder / "guards"))


def hurt_everywhere(harnesses: Sequence[Harness], harms: Sequence[str]) -> Iterator[Verdict]:
    """Hurt a release at every point with each of ``harms``, the harnesses side by side."""
    idle: queue.SimpleQueue[Harness] = queue.SimpleQueue()
    for harness in harnesses:
        idle.put(harness)

    def hurt(number: int, harm: str) -> Verdict:
        harness = idle.get()
        try:
            return harness.hurt(number, harm)
        finally:
            idle.put(harness)

    with ThreadPoolExecutor(len(harnesses)) as pool:
        begun = [pool.submit(hurt, number, harm) for harm in harms for number in harnesses[0].numbers(harm)]
        for told, future in enumerate(as_completed(begun), start=1):
            verdict = future.result()
            if verdict.kind != CONVERGED:
                print(verdict, flush=True)
            if told % _OFTEN == 0:
                print(f"{told} of {len(begun)}", file=sys.stderr, flush=True)
            yield verdict


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.faults", description=__doc__)
    parser.add_argument("harms", nargs="*", metavar="HARM", help=f"only these: {', '.join(HARMS)}")
    parser.add_argument(
        "--side-by-side", type=int, default=os.cpu_count() or 1, help="how many releases at a time (%(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="go on only once from worlds that are the same to the byte"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
