"""chartpress's ``extraBuildCommandOptions``, as a bake definition says the same.

chartpress appends them to ``docker build``. Their meaning is that of
https://docs.docker.com/reference/cli/docker/buildx/build/; each goes to the field of the bake file that means the same.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Field of the bake file, by the option that may be given again and again.
_LISTS = {
    "--annotation": "annotations",
    "--attest": "attest",
    "--cache-from": "cache-from",
    "--cache-to": "cache-to",
    "--no-cache-filter": "no-cache-filter",
    "--secret": "secret",
    "--ssh": "ssh",
    "--ulimit": "ulimits",
}
_MAPPINGS = {"--build-arg": "args", "--build-context": "contexts", "--label": "labels"}
_TEXTS = {"--shm-size": "shm-size", "--target": "target"}
_SWITCHES = {"--no-cache": "no-cache", "--pull": "pull"}


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it ends the program."""
        raise ValueError(message)


def bake_fields(options: Sequence[str], where: str) -> dict[str, Any]:
    """Return the fields of a bake target that say what ``options`` say; fields that they do not touch are left out.

    Args:
        options: the options, names filled in; an option and its value may be one item or two.
        where: where they stand, for the fault.

    Raises:
        Unusable: an option is none that a bake file can say, or lacks its value.
    """
    try:
        known, unknown = _parser().parse_known_args(list(options))
    except (ValueError, argparse.ArgumentError) as err:
        raise _wrong(str(err), where) from err
    if unknown:
        raise _wrong(f"{unknown[0]} has no counterpart in a bake definition", where)
    given = {field: value for field, value in vars(known).items() if value}
    return {field: _pairs(value) if field in _MAPPINGS.values() else value for field, value in given.items()}


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option, field in (*_LISTS.items(), *_MAPPINGS.items()):
        parser.add_argument(option, dest=field, action="append")
    for option, field in _TEXTS.items():
        parser.add_argument(option, dest=field)
    for option, field in _SWITCHES.items():
        parser.add_argument(option, dest=field, action="store_true")
    return parser


def _pairs(items: list[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` items; the value of a key alone is empty."""
    return {key: value for key, _, value in (item.partition("=") for item in items)}


def _wrong(why: str, where: str) -> Unusable:
    return Unusable(
        f"an extra build option cannot be used: {why}",
        where=where,
        hint="take it out, or build as chartpress does: invoke build --engine chartpress",
    )
