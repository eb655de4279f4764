"""``python -m tests.tools.bench``: measure every row, and print the table; fail where one is missed."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import rows
from .lab import Lab, open_lab
from .table import Row, as_text, machine, summary
from .timing import LEAST_PAIRS

GROUPS: dict[str, Callable[[Lab], Iterator[Row]]] = {
    "starting": rows.starting,
    "deciding": rows.deciding,
    "second-look": rows.second_look,
    "tagging": rows.tagging,
    "checking": rows.checking,
    "nothing-to-do": rows.nothing_to_do,
    "several-images": rows.several_images,
    "releasing": rows.releasing,
    "first-build": rows.first_build,
    "squashing": rows.squashing,
    "memory": rows.peaks,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 where every row that was measured is met."""
    options = _parser().parse_args(arguments)
    print(f"{machine()}; medians of at least {options.pairs} pairs", flush=True)
    with tempfile.TemporaryDirectory(prefix="hubpress-bench-") as folder, open_lab(Path(folder), options.pairs) as lab:
        measured = [row for group in options.groups or GROUPS for row in _measured(group, lab)]
    print(f"\n{as_text(measured)}\n\n{summary(measured)}")
    return 0 if all(row.met for row in measured) else 1


def _measured(group: str, lab: Lab) -> Iterator[Row]:
    for row in GROUPS[group](lab):
        print(f"{group}: {row.name}: {row.value:.3f} {row.unit}", file=sys.stderr, flush=True)
        yield row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(GROUPS)}")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help="how many pairs (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
