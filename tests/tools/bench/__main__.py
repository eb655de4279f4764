"""``python -m tests.tools.bench``: measure every row, and print the table; fail where one is missed."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import rows
from .lab import open_lab
from .measure import LEAST_PAIRS, as_text

GROUPS = {
    group.__name__.replace("_", "-"): group
    for group in (
        *(rows.starting, rows.deciding, rows.tagging, rows.checking, rows.nothing_to_do, rows.several_images),
        *(rows.releasing, rows.first_build, rows.squashing, rows.memory),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 where every row that was measured is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(GROUPS)}")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help="how many pairs (default: %(default)s)")
    options = parser.parse_args(arguments)
    machine = f"{platform.platform(terse=True)}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; medians of at least {options.pairs} pairs", flush=True)
    measured = []
    with tempfile.TemporaryDirectory(prefix="hubpress-bench-") as folder, open_lab(Path(folder), options.pairs) as lab:
        for group in options.groups or GROUPS:
            for row in GROUPS[group](lab):
                print(f"{group}: {row.name}: {row.value:.3f} {row.unit}", file=sys.stderr, flush=True)
                measured.append(row)
    print(f"\n{as_text(measured)}")
    return 0 if all(row.met for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
