"""``python -m tests.tools.bench``: measure every row, print the table, write it as JSON; fail where one is missed."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import build_rows, cache_rows, memory_rows, quick_rows, release_rows
from .lab import Lab, open_lab
from .table import Row, as_json, as_markdown, as_text, machine, summary
from .timing import LEAST_PAIRS

GROUPS: dict[str, Callable[[Lab], Iterator[Row]]] = {
    "starting": quick_rows.starting,
    "deciding": quick_rows.deciding,
    "second-look": quick_rows.second_look,
    "tagging": quick_rows.tagging,
    "checking": quick_rows.checking,
    "nothing-to-do": build_rows.nothing_to_do,
    "several-images": build_rows.several_images,
    "releasing": release_rows.releasing,
    "first-build": cache_rows.first_build,
    "squashing": cache_rows.squashing,
    "memory": memory_rows.peaks,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 where every row that was measured is met."""
    options = _parser().parse_args(arguments)
    print(f"{machine()}; medians of at least {options.pairs} pairs", flush=True)
    with tempfile.TemporaryDirectory(prefix="hubpress-bench-") as folder, open_lab(Path(folder), options.pairs) as lab:
        rows = [row for group in options.groups or GROUPS for row in _measured(group, lab)]
    options.json.write_text(as_json(rows), encoding="utf-8")
    print(f"\n{(as_markdown if options.markdown else as_text)(rows)}\n\n{summary(rows)}")
    return 0 if all(row.met for row in rows) else 1


def _measured(group: str, lab: Lab) -> Iterator[Row]:
    for row in GROUPS[group](lab):
        print(f"{group}: {row.name}: {row.value:.3f} {row.unit}", file=sys.stderr, flush=True)
        yield row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(GROUPS)}")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS, help="how many pairs (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="the file to write")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
