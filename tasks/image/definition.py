"""What is built: one definition for ``docker buildx bake`` (https://docs.docker.com/build/bake/reference/).

chartpress appends ``extraBuildCommandOptions`` to ``docker build``. Their meaning is that of
https://docs.docker.com/reference/cli/docker/buildx/build/; each goes to the field of the bake file that means the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ..core.faults import DOOR, Unusable
from ..core.names import Reference, is_tag
from ..core.visible import bake_literal
from ..repo.hub import Hub, HubImage

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
_NO_FIELD = "nothing"
# The image is the same without the last ones: they tidy up after the older builder, or say what is shown.
_SWITCHES = {
    "--no-cache": "no-cache",
    "--pull": "pull",
    **dict.fromkeys(("--force-rm", "--quiet", "--rm"), _NO_FIELD),
}
# Shorthands for --attest, by the kind of attestation.
_ATTESTATIONS = {"--provenance": "provenance", "--sbom": "sbom"}
# Values of --build-context that are not plain folders.
_ELSEWHERE = ("docker-image://", "target:", "http://", "https://", "git://", "ssh://", "git@", "github.com/")
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


def definition(targets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the bake definition of ``targets``, their fields by their names, as JSON text."""
    whole = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    # JSON's own syntax holds no brace right after such a sign.
    return bake_literal(json.dumps(whole, indent=2, ensure_ascii=False))


def target_name(index: int, key: str) -> str:
    """Return the target's name in the definition: its key, or what bake accepts of it and a number.

    A key that ends like a numbered name gets a number too, so that no two names are the same.
    """
    plain = "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else "-" for char in key)
    numbered = plain.rpartition("-")[2].isdecimal()
    return plain if plain == key and not numbered else f"{plain}-{index}"


def bake_fields(options: Sequence[str], where: str, env: Mapping[str, str], *, strict: bool = True) -> dict[str, Any]:
    """Return the fields of a bake target that mean the same as ``options``.

    An option that no field means is refused where it is ``strict``, else left out.
    """
    parser = _Parser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option, key in (*_LISTS.items(), *_MAPPINGS.items()):
        parser.add_argument(option, dest=key, action="append")
    for option, key in _TEXTS.items():
        parser.add_argument(option, dest=key)
    for option, kind in _ATTESTATIONS.items():
        parser.add_argument(option, dest="attest", action="append", type=partial(_attestation, kind))
    for option, key in _SWITCHES.items():
        parser.add_argument(option, dest=key, nargs="?", const=True, type=_truth)
    try:
        known, unknown = parser.parse_known_args(list(options))
        if unknown and strict:
            parser.error(f"{unknown[0]} has no counterpart in a bake definition")
    except (ValueError, argparse.ArgumentError) as err:
        raise Unusable(
            f"an extra build option cannot be used: {err}",
            where=where,
            hint=f"take it out, or build as chartpress does: {DOOR} build --engine chartpress",
        ) from err
    given = {key: value for key, value in vars(known).items() if value and key != _NO_FIELD}
    for key in (key for key in _MAPPINGS.values() if key in given):
        pairs = [item.partition("=") for item in given[key]]
        # docker build takes an argument without a value from the environment.
        from_env = [item for item in pairs if item[1] or key != "args" or item[0] in env]
        given[key] = {name: value if sign or key != "args" else env[name] for name, sign, value in from_env}
    return {key: value for key, value in given.items() if value}


def is_local(context: str) -> bool:
    """Whether a named build context is a local folder, not an image, a target or an address."""
    return not context.startswith(_ELSEWHERE)


def with_own_file(secret: str, folder: Path) -> str:
    """Return a bake target's secret with the whole path of its file in ``folder``: that is in no commit."""
    parts = [part.partition("=") for part in secret.split(",")]
    own = [key in ("src", "source") and (folder / value).is_file() for key, _, value in parts]
    return ",".join(
        f"{key}={folder / value}" if is_own else f"{key}{sign}{value}"
        for (key, sign, value), is_own in zip(parts, own, strict=True)
    )


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images that the values name in ``image``'s repository."""
    try:
        found = hub.pinned(image).values()
    except Unusable:
        return []  # the step that writes the values says what is wrong with them
    named = (Reference(one.name, one.tag) for one in found if one.name == image.spec.name and is_tag(one.tag or ""))
    return list(dict.fromkeys(named))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _attestation(kind: str, value: str) -> str:
    """Return the ``--attest`` that a shorthand means: its value is a truth value, or the parameters."""
    if value.lower() in _TRUE | _FALSE:
        return f"type={kind}" if _truth(value) else f"type={kind},disabled=true"
    return f"type={kind},{value}"


def _truth(value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise argparse.ArgumentTypeError(f"{value!r} is neither true nor false")
    return value.lower() in _TRUE
