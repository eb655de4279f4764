"""What is built: one bake definition for all images of a build.

The format is that of ``docker buildx bake`` (https://docs.docker.com/build/bake/reference/), as JSON. bake evaluates
``${...}`` and ``%{...}`` in every string, so both are written doubled.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..masking import bake_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .reference import Reference


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
