"""chartpress's ``extraBuildCommandOptions``, as a bake definition says the same.

chartpress appends them to ``docker build``. Their meaning is that of
https://docs.docker.com/reference/cli/docker/buildx/build/; each goes to the field of the bake file that means the same.
"""

from __future__ import annotations

import argparse
import posixpath
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from ..door import DOOR
from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
_TEXTS = {"--network": "network", "--shm-size": "shm-size", "--target": "target"}
_SWITCHES = {"--no-cache": "no-cache", "--pull": "pull"}
# Shorthands for --attest, by the kind of attestation.
_ATTESTATIONS = {"--provenance": "provenance", "--sbom": "sbom"}
# What is made is the same without them: they tidy up after the older builder, or say what is shown.
_WITHOUT_EFFECT = ("--force-rm", "--quiet", "--rm")
_NO_FIELD = "nothing"
_CACHES = ("cache-from", "cache-to")
_FILE_KEYS = ("src", "source", "dest")
# What names no local folder in a build context; what else it may be is a folder.
_OCI_LAYOUT = "oci-layout://"
_ELSEWHERE = ("docker-image://", "target:", "http://", "https://", "git://", "ssh://", "git@", "github.com/")
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it ends the program."""
        raise ValueError(message)


def bake_fields(options: Sequence[str], where: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a bake target that say what ``options`` say; fields that they do not touch are left out.

    Args:
        options: the options, names filled in; an option and its value may be one item or two.
        where: where they stand, for the fault.
        env: the variables that a build argument without a value takes its value from.

    Raises:
        Unusable: an option is none that a bake file can say, or lacks its value.
    """
    try:
        known, unknown = _parser().parse_known_args(list(options))
    except (ValueError, argparse.ArgumentError) as err:
        raise _wrong(str(err), where) from err
    if unknown:
        raise _wrong(f"{unknown[0]} has no counterpart in a bake definition", where)
    given = {key: value for key, value in vars(known).items() if value and key != _NO_FIELD}
    given["args"] = _with_values(given.get("args", ()), env)
    pairs = {key: _pairs(given[key]) for key in _MAPPINGS.values() if given.get(key)}
    return {key: pairs.get(key, value) for key, value in given.items() if value}


def with_files_of(fields: Mapping[str, Any], folder: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields with the relative paths of this machine's own files taken from ``folder``.

    Those are secrets, keys and local caches: they belong to who builds, and are in no commit.

    Args:
        fields: the fields of a bake target.
        folder: the folder.
        env: the variables that a secret without a file may be.
    """
    taken: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(_CACHES, lambda item: _with_file_of(item, folder)),
        "secret": lambda item: _with_file_of(_with_source(item, env), folder),
        "ssh": lambda item: _with_keys_of(item, folder),
    }
    return {name: [*map(taken[name], value)] if name in taken else value for name, value in fields.items()}


def _with_file_of(item: str, folder: str) -> str:
    parts = (part.partition("=") for part in item.split(","))
    return ",".join(
        f"{key}={posixpath.join(folder, value)}" if key in _FILE_KEYS else f"{key}{sign}{value}"
        for key, sign, value in parts
    )


def _with_source(item: str, env: Mapping[str, str]) -> str:
    """Name the file of a secret that names neither file nor variable: where no variable is called so, it is its id."""
    told = dict(part.partition("=")[::2] for part in item.split(","))
    name = told.get("id", "")
    is_file = name and not {"src", "source", "env"} & told.keys() and told.get("type") != "env" and name not in env
    return f"{item},src={name}" if is_file else item


def _with_keys_of(item: str, folder: str) -> str:
    """Read ``--ssh``: a name and, where the agent is not meant, a socket or keys (``default=KEY,KEY``)."""
    name, sign, files = item.partition("=")
    return name + sign + ",".join(posixpath.join(folder, file) for file in files.split(",") if sign)


def from_folder(context: str, way: str) -> str:
    """Return a named build context, taken from the folder that ``way`` leads to where it is a local one."""
    folder = context_folder(context)
    return context if folder is None else context.replace(folder, way + folder, 1)


def local_contexts(options: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the local folders of named build contexts: ``--build-context NAME=FOLDER``, in every way to write it.

    Images, other targets, git and web addresses are none (https://docs.docker.com/reference/cli/docker/buildx/build/).

    Raises:
        Unusable: the option lacks its value.
    """
    parser = _Parser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--build-context", action="append", default=[])
    try:
        known, _ = parser.parse_known_args(list(options))
    except (ValueError, argparse.ArgumentError) as err:
        raise _wrong(str(err), where) from err
    return tuple(folder for folder in map(context_folder, _pairs(known.build_context).values()) if folder)


def context_folder(value: str) -> str | None:
    """Return the local folder that a named build context is taken from; None where it comes from elsewhere."""
    if value.startswith(_OCI_LAYOUT):
        return value.removeprefix(_OCI_LAYOUT).partition("@")[0].partition(":")[0]
    return None if value.startswith(_ELSEWHERE) else value


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option, key in (*_LISTS.items(), *_MAPPINGS.items()):
        parser.add_argument(option, dest=key, action="append")
    for option, key in _TEXTS.items():
        parser.add_argument(option, dest=key)
    for option, kind in _ATTESTATIONS.items():
        parser.add_argument(option, dest="attest", action="append", type=partial(_attestation, kind))
    for option, key in (*_SWITCHES.items(), *dict.fromkeys(_WITHOUT_EFFECT, _NO_FIELD).items()):
        parser.add_argument(option, dest=key, nargs="?", const=True, type=_truth)
    return parser


def _attestation(kind: str, value: str) -> str:
    """Return the ``--attest`` that a shorthand means: its value is a truth value, or the parameters."""
    if value.lower() in _TRUE | _FALSE:
        return f"type={kind}" if _truth(value) else f"type={kind},disabled=true"
    return f"type={kind},{value}"


def _truth(value: str) -> bool:
    """Read a switch's value, as in ``--pull=true``."""
    if value.lower() not in _TRUE | _FALSE:
        raise argparse.ArgumentTypeError(f"{value!r} is neither true nor false")
    return value.lower() in _TRUE


def _with_values(build_args: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Give each build argument without a value that of its variable; leave it out where there is none."""
    return [arg if "=" in arg else f"{arg}={env[arg]}" for arg in build_args if "=" in arg or arg in env]


def _pairs(items: list[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` items; the value of a key alone is empty."""
    return {key: value for key, _, value in (item.partition("=") for item in items)}


def _wrong(why: str, where: str) -> Unusable:
    return Unusable(
        f"an extra build option cannot be used: {why}",
        where=where,
        hint=f"take it out, or build as chartpress does: {DOOR} build --engine chartpress",
    )
