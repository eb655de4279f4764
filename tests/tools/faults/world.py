"""All that a release might change, to be held against what another release has made of it."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tests.support.hubs import Hub

# Of git's own: objects that nothing names, how references came about and are kept, the index with its files' times.
# for-each-ref and ls-files tell what counts of them.
_UNTOLD = ("objects", "logs", "packed-refs", "index")
_MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
# What the harness itself cannot repeat: a process's number, and docker's own notes on its builders.
_VARYING = ("hub/.git/hubpress.lock", "home/docker/buildx", "home/docker/.buildNodeID", "home/docker/.token_seed")


@dataclass(frozen=True)
class World:
    """What there is in one place, and in its registry."""

    head: str
    refs: str
    subjects: str
    index: str
    status: str
    config: str
    remote: str
    images: Mapping[str, str]
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, place: Path, hub: Hub, registry: str, prefix: str) -> World:
        """Look at everything."""
        return cls(
            head=hub.git("symbolic-ref", "HEAD"),
            refs=hub.git("for-each-ref"),
            subjects=hub.git("log", "--pretty=%H %T %s"),
            index=hub.git("ls-files", "--stage"),
            status=hub.git(
                "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--show-stash", "--untracked-files=all"
            ),
            config=hub.git("config", "--local", "--list"),
            remote=hub.remote_git("for-each-ref"),
            images=_images(registry, f"{prefix}/core/hub"),
            files=_files(place),
        )

    def difference(self, other: World, but: str = "") -> str:
        """Return the first thing, ``but`` this one, in which another world differs; empty where it is the same."""
        for name in (field.name for field in fields(self) if field.name != but):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                return f"{name}: {_first_difference(mine, theirs)}"
        return ""

    def key(self) -> str:
        """Return a hash: two worlds with one key are the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def users(self) -> tuple[object, ...]:
        """Return what is the user's alone: no release may touch it, not even for a moment."""
        staged = [line for line in self.index.splitlines() if line.endswith(("notes.txt", "Chart.yaml"))]
        stashes = [line for line in self.refs.splitlines() if line.endswith(("refs/stash", "refs/heads/main"))]
        own = {name: self.files.get(f"hub/{name}") for name in ("notes.txt", "draft.txt", "hub/Chart.yaml")}
        return staged, stashes, own

    def leftovers(self, *allowed: World) -> list[str]:
        """Return the files that no allowed world has."""
        return sorted(self.files.keys() - {name for world in allowed for name in world.files})


def _files(place: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_file() and not name.startswith(_VARYING) and not _is_untold(name):
            found[name] = b"" if "/.git/" in name or name.startswith("hub.git/") else path.read_bytes()
    return found


def _is_untold(name: str) -> bool:
    inside = name.partition("/.git/")[2] if "/.git/" in name else name.removeprefix("hub.git/")
    return inside.split("/")[0] in _UNTOLD and inside != name


def _images(registry: str, repository: str) -> dict[str, str]:
    tags = _ask(registry, f"/v2/{repository}/tags/list")[1].get("tags") or []
    return {f"{repository}:{tag}": _ask(registry, f"/v2/{repository}/manifests/{tag}")[0] for tag in tags}


def _ask(registry: str, path: str) -> tuple[str, Any]:
    """Return what the registry answers, and that answer's digest."""
    connection = http.client.HTTPConnection(registry, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept": _MANIFESTS})
        reply = connection.getresponse()
        return reply.headers.get("Docker-Content-Digest", ""), json.load(reply)
    finally:
        connection.close()


def _first_difference(mine: object, theirs: object) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        return f"{names[0]}: {mine.get(names[0])!r} is not {theirs.get(names[0])!r}"
    return f"{mine!r} is not {theirs!r}"
