"""What is built: one bake definition for all images of a build.

The format is that of ``docker buildx bake`` (https://docs.docker.com/build/bake/reference/), as JSON. bake evaluates
``${...}`` and ``%{...}`` in every string, so both are written doubled.

chartpress's ``extraBuildCommandOptions``: chartpress appends them to ``docker build``. Their meaning is that of
https://docs.docker.com/reference/cli/docker/buildx/build/; each goes to the field of the bake file that means the same.

The shared build cache: ``inline`` puts what BuildKit needs to reuse an image's layers into the image itself; a build
takes them from the image that the values name. ``registry`` keeps the layers of every stage beside the images, under a
tag of their own. The driver ``docker`` knows the first alone (https://docs.docker.com/build/cache/backends/).
"""

from __future__ import annotations

import argparse
import json
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, NoReturn

from ..core.faults import DOOR, Unusable
from ..core.names import Reference, is_tag
from ..core.settings import CACHE_INLINE, CACHE_OFF, CACHE_ON
from ..core.visible import bake_literal
from ..repo.hub import Hub, HubImage
from ..repo.values import image_at
from ..tools.docker import DOCKER_DRIVER, Builder

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


TAG = "buildcache"


def cache_fields(hub: Hub, image: HubImage, builder: Builder, *, push: bool) -> dict[str, list[str]]:
    """Return the fields of a bake target that take ``image``'s layers from the shared cache, and put them there.

    A cache that is not there is no fault: BuildKit says so, and builds. What is not pushed is not shared either.
    """
    mode = hub.settings.cache
    if mode == CACHE_OFF:
        return {}
    if mode == CACHE_INLINE or (mode == CACHE_ON and builder.driver == DOCKER_DRIVER):
        sources, target = pinned_images(hub, image), "type=inline"
    else:
        kept = Reference(image.spec.name, TAG)
        sources, target = [kept], f"type=registry,ref={kept},mode=max,ignore-error=true"
    fields = {"cache-from": [f"type=registry,ref={source}" for source in sources], "cache-to": [target] if push else []}
    return {name: values for name, values in fields.items() if values}


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images of ``image``'s repository that the values name now."""
    found = (_image_at(hub, place.file, place.path) for place in hub.values_places(image))
    return [one for one in dict.fromkeys(found) if one is not None and one.name == image.spec.name]


def _image_at(hub: Hub, file: str, path: str) -> Reference | None:
    try:
        pinned = image_at(hub.require(file), path, file)
    except Unusable:
        return None  # the step that writes the values says what is wrong with them
    return Reference(pinned.name, pinned.tag) if pinned.name and is_tag(pinned.tag or "") else None


class BuildOptions(NamedTuple):
    """How the build is wanted.

    Attributes:
        images: the images' keys; empty for all that inherit from z2jh's hub image.
        push: whether the images are pushed.
        force: whether a tag that exists is built and pushed again.
        platform: the platform in place of the host's row of the table; None for that row.
        builder: the buildx builder; None for the setting's.
        no_cache: whether every step is run anew.
        engine: what builds: ``buildx`` or ``chartpress``.
        stand_ins: the base images that a rehearsal's stand-ins are taken for, whatever their registries have.
    """

    images: tuple[str, ...] = ()
    push: bool = True
    force: bool = False
    platform: str | None = None
    builder: str | None = None
    no_cache: bool = False
    engine: str = "buildx"
    stand_ins: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Target:
    """One image to build.

    Attributes:
        key: its name in the definition: the image's key in chartpress.yaml.
        reference: its name and tag.
        context: the build context, relative to the folder of chartpress.yaml.
        dockerfile: its Dockerfile, relative to the same folder.
        build_args: the build arguments, rendered.
        labels: the image's labels.
        pins: what a ``FROM`` is to be taken from instead of what it names, by the name it has there.
        platform: what to build for; None for the builder's own.
        no_cache: whether every step is run anew.
        push: whether the image is pushed; otherwise it stays in the engine's local store.
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
    extra: Mapping[str, Any] = field(default_factory=dict)


def definition(targets: Sequence[Target], root: str = "") -> str:
    """Return the bake definition of ``targets``, as JSON text with a final order and two blanks' indent.

    Args:
        targets: the images.
        root: the folder of chartpress.yaml, relative to the repository's top; where bake is run.
    """
    named = {target_name(index, target.key): _target(target, root) for index, target in enumerate(targets)}
    whole = {"group": {"default": {"targets": list(named)}}, "target": named}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def target_name(index: int, key: str) -> str:
    """Return the target's name in the definition: its key, or a number behind what bake takes of it.

    bake takes letters, digits, ``_`` and ``-`` alone. A key that ends like a numbered name gets a number too, so that
    no two names are the same.
    """
    plain = "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else "-" for char in key)
    numbered = plain.rpartition("-")[2].isdecimal()
    return plain if plain == key and not numbered else f"{plain}-{index}"


def _target(target: Target, root: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "context": target.context,
        "dockerfile": _from_context(target, root),
        "tags": [str(target.reference)],
        "args": dict(target.build_args),
        "labels": dict(target.labels),
        "contexts": {name: f"docker-image://{pin}" for name, pin in target.pins.items()},
        "platforms": [] if target.platform is None else target.platform.split(","),
        "no-cache": target.no_cache,
        # One manifest for one platform: an attestation would make it an index that some registries cannot show.
        "attest": ["type=provenance,disabled=true"],
        "output": ["type=registry" if target.push else "type=docker"],
    }
    for name, value in target.extra.items():
        entry[name] = {**entry[name], **value} if isinstance(value, dict) else value
    return {name: _literal(value) for name, value in entry.items() if value not in ({}, [], False)}


def _from_context(target: Target, root: str) -> str:
    """Return the Dockerfile's path from the context's folder, where bake looks for it."""
    context, dockerfile = (posixpath.join("/", root, path) for path in (target.context, target.dockerfile))
    return posixpath.relpath(dockerfile, context)


def _literal(value: Any) -> Any:  # noqa: ANN401 - whatever a field of the bake file holds
    """Return ``value`` so that bake reads every text in it as it stands."""
    if isinstance(value, str):
        return bake_literal(value)
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if isinstance(value, dict):
        return {_literal(name): _literal(item) for name, item in value.items()}
    return value
