"""What is built: one bake definition for all images of a build.

The format is that of ``docker buildx bake`` (https://docs.docker.com/build/bake/reference/), as JSON. bake evaluates
``${...}`` and ``%{...}`` in every string, so both are written doubled.

chartpress's ``extraBuildCommandOptions``: chartpress appends them to ``docker build``. Their meaning is that of
https://docs.docker.com/reference/cli/docker/buildx/build/; each goes to the field of the bake file that means the same.

The shared build cache: ``inline`` puts what BuildKit needs to reuse an image's layers into the image itself; a build
takes them from the image that the values name. ``registry`` keeps the layers of every stage beside the images, under a
tag of their own. The driver ``docker`` knows only the first (https://docs.docker.com/build/cache/backends/).
"""

from __future__ import annotations

import argparse
import json
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from ..core.faults import DOOR, Unusable
from ..core.names import Reference, is_tag
from ..core.settings import ATTESTATIONS
from ..core.visible import bake_literal
from ..repo.hub import Hub, HubImage

_NO_PROVENANCE = "type=provenance,disabled=true"
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
# The image is the same without them: they tidy up after the older builder, or say what is shown.
_WITHOUT_EFFECT = ("--force-rm", "--quiet", "--rm")
_NO_FIELD = "nothing"
_CACHES = ("cache-from", "cache-to")
_FILE_KEYS = ("src", "source", "dest")
# Values of --build-context that are not plain folders.
_OCI_LAYOUT = "oci-layout://"
_ELSEWHERE = ("docker-image://", "target:", "http://", "https://", "git://", "ssh://", "git@", "github.com/")
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


@dataclass(frozen=True)
class BakeTarget:
    """One image to build; its paths are relative to the folder of chartpress.yaml.

    Attributes:
        pins: what a ``FROM`` is taken from, by the name it has there.
        platform: what to build for; None for the builder's own.
        extra: more fields of the bake target, from chartpress's ``extraBuildCommandOptions``; they win, as the last
            options of a command line do.
    """

    key: str
    reference: Reference
    context: str
    dockerfile: str
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    pins: Mapping[str, Reference] = field(default_factory=dict)
    platform: str | None = None
    no_cache: bool = False
    push: bool = True
    attest: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def definition(targets: Sequence[BakeTarget], root: str = "") -> str:
    """Return the bake definition of ``targets`` as JSON text, indented by two."""
    named = {target_name(index, target.key): _fields(target, root) for index, target in enumerate(targets)}
    whole = {"group": {"default": {"targets": list(named)}}, "target": named}
    # JSON's own syntax holds no brace right after such a sign.
    return bake_literal(json.dumps(whole, indent=2, ensure_ascii=False))


def target_name(index: int, key: str) -> str:
    """Return the target's name in the definition: its key, or what bake accepts of it and a number.

    bake accepts letters, digits, ``_`` and ``-`` only. A key that ends like a numbered name gets a number too, so that
    no two names are the same.
    """
    plain = "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else "-" for char in key)
    numbered = plain.rpartition("-")[2].isdecimal()
    return plain if plain == key and not numbered else f"{plain}-{index}"


def bake_fields(options: Sequence[str], where: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a bake target that mean the same as ``options``, and no others."""
    parser = _Parser()
    for option, key in (*_LISTS.items(), *_MAPPINGS.items()):
        parser.add_argument(option, dest=key, action="append")
    for option, key in _TEXTS.items():
        parser.add_argument(option, dest=key)
    for option, kind in _ATTESTATIONS.items():
        parser.add_argument(option, dest="attest", action="append", type=partial(_attestation, kind))
    for option, key in (*_SWITCHES.items(), *dict.fromkeys(_WITHOUT_EFFECT, _NO_FIELD).items()):
        parser.add_argument(option, dest=key, nargs="?", const=True, type=_truth)
    known = parser.read(options, where, only_known=True)
    given = {key: value for key, value in known.items() if value and key != _NO_FIELD}
    build_args = given.get("args", ())
    given["args"] = [arg if "=" in arg else f"{arg}={env[arg]}" for arg in build_args if "=" in arg or arg in env]
    pairs = {key: _pairs(given[key]) for key in _MAPPINGS.values() if given.get(key)}
    return {key: pairs.get(key, value) for key, value in given.items() if value}


def with_files_of(fields: Mapping[str, Any], folder: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields with the relative paths of this machine's own files taken from ``folder``.

    Those are secrets, keys and local caches: they belong to who builds, and are in no commit.
    """
    readers: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(_CACHES, lambda item: _with_file_of(item, folder)),
        "secret": lambda item: _with_file_of(_with_source(item, env), folder),
        "ssh": lambda item: _with_keys_of(item, folder),
    }
    return {name: [*map(readers[name], value)] if name in readers else value for name, value in fields.items()}


def local_contexts(options: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the local folders of named build contexts, ``--build-context NAME=FOLDER``, in every spelling."""
    parser = _Parser()
    parser.add_argument("--build-context", action="append", default=[])
    known = parser.read(options, where, only_known=False)
    return tuple(folder for folder in map(context_folder, _pairs(known["build_context"]).values()) if folder)


def context_folder(value: str) -> str | None:
    """Return the local folder that a named build context is taken from; None for an image, target or address."""
    if value.startswith(_OCI_LAYOUT):
        return value.removeprefix(_OCI_LAYOUT).partition("@")[0].partition(":")[0]
    return None if value.startswith(_ELSEWHERE) else value


def from_folder(context: str, way: str) -> str:
    """Return a named build context, a local one by a path that begins with ``way``."""
    folder = context_folder(context)
    return context if folder is None else context.replace(folder, way + folder, 1)


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images of ``image``'s repository that the values name now."""
    try:
        found = hub.pinned(image).values()
    except Unusable:
        return []  # the step that writes the values says what is wrong with them
    named = (Reference(one.name, one.tag) for one in found if one.name == image.spec.name and is_tag(one.tag or ""))
    return list(dict.fromkeys(named))


class _Parser(argparse.ArgumentParser):
    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False, exit_on_error=False)

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)

    def read(self, options: Sequence[str], where: str, *, only_known: bool) -> dict[str, Any]:
        try:
            known, unknown = self.parse_known_args(list(options))
            if unknown and only_known:
                self.error(f"{unknown[0]} has no counterpart in a bake definition")
        except (ValueError, argparse.ArgumentError) as err:
            raise Unusable(
                f"an extra build option cannot be used: {err}",
                where=where,
                hint=f"take it out, or build as chartpress does: {DOOR} build --engine chartpress",
            ) from err
        return vars(known)


def _attestation(kind: str, value: str) -> str:
    """Return the ``--attest`` that a shorthand means: its value is a truth value, or the parameters."""
    if value.lower() in _TRUE | _FALSE:
        return f"type={kind}" if _truth(value) else f"type={kind},disabled=true"
    return f"type={kind},{value}"


def _truth(value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise argparse.ArgumentTypeError(f"{value!r} is neither true nor false")
    return value.lower() in _TRUE


def _pairs(items: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (item.partition("=") for item in items)}


def _with_file_of(item: str, folder: str) -> str:
    parts = (part.partition("=") for part in item.split(","))
    return ",".join(
        f"{key}={posixpath.join(folder, value)}" if key in _FILE_KEYS else f"{key}{sign}{value}"
        for key, sign, value in parts
    )


def _with_source(item: str, env: Mapping[str, str]) -> str:
    """Name the file of a secret without file and variable: it is its id, unless a variable has that name."""
    parts = dict(part.partition("=")[::2] for part in item.split(","))
    name = parts.get("id", "")
    is_file = name and not {"src", "source", "env"} & parts.keys() and parts.get("type") != "env" and name not in env
    return f"{item},src={name}" if is_file else item


def _with_keys_of(item: str, folder: str) -> str:
    """Read ``--ssh``: a name and, where the agent is not meant, a socket or keys (``default=KEY,KEY``)."""
    name, sign, files = item.partition("=")
    return name + sign + ",".join(posixpath.join(folder, file) for file in files.split(",") if sign)


def _fields(target: BakeTarget, root: str) -> dict[str, Any]:
    # bake looks for the Dockerfile in the context's folder.
    context, dockerfile = (posixpath.join("/", root, path) for path in (target.context, target.dockerfile))
    entry: dict[str, Any] = {
        "context": target.context,
        "dockerfile": posixpath.relpath(dockerfile, context),
        "tags": [str(target.reference)],
        "args": dict(target.build_args),
        "labels": dict(target.labels),
        "contexts": {name: f"docker-image://{pin}" for name, pin in target.pins.items()},
        "platforms": [] if target.platform is None else target.platform.split(","),
        "no-cache": target.no_cache,
        "attest": _attestations(target.attest),
        "output": ["type=registry" if target.push else "type=docker"],
    }
    for name, value in target.extra.items():
        entry[name] = {**entry[name], **value} if isinstance(value, dict) else value
    return {name: value for name, value in entry.items() if value not in ({}, [], False)}


def _attestations(wanted: Sequence[str]) -> list[str]:
    """Return what bake is told to state of an image.

    Provenance is asked for or switched off: it makes an index of the image, which some registries cannot show.
    """
    found = [ATTESTATIONS[name] for name in wanted]
    return found if any("provenance" in one for one in found) else [_NO_PROVENANCE, *found]
