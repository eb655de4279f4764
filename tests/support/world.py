"""All that a task might change, to be held against itself when one must have changed nothing."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.cli import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.cli import Result
    from tests.support.hubs import Hub

LOOKS = (
    ("status", "--porcelain=v2", "--branch", "--show-stash", "--untracked-files=all"),
    ("for-each-ref",),
    ("ls-files", "--stage"),
    ("config", "--local", "--list"),
)


@dataclass(frozen=True)
class World:
    """What there is around a hub repository.

    Attributes:
        files: its work tree.
        clone: its HEAD, branches, index, stash and configuration, as git tells them.
        remote: the remote's branches.
        images: what the registry has, as ``repository:tag``.
        logins: Docker's own configuration.
    """

    files: Mapping[str, bytes]
    clone: tuple[str, ...]
    remote: str
    images: tuple[str, ...]
    logins: bytes

    @classmethod
    def around(cls, hub: Hub, registry: str | None = None) -> World:
        """Look at everything; at a registry's images where its ``HOST:PORT`` is given."""
        return cls(
            hub.snapshot(),
            tuple(run("git", *look, cwd=hub.path).out for look in LOOKS),
            run("git", "for-each-ref", cwd=hub.remote).out,
            images_in(registry) if registry else (),
            (Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_bytes(),
        )


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def images_in(registry: str) -> tuple[str, ...]:
    """Return what the registry at ``HOST:PORT`` has, as ``repository:tag``."""
    repositories = _ask(registry, "_catalog?n=1000")["repositories"]
    tags = {name: _ask(registry, f"{name}/tags/list").get("tags") or () for name in repositories}
    return tuple(f"{name}:{tag}" for name in sorted(tags) for tag in sorted(tags[name]))


def fault(result: Result) -> tuple[str, str]:
    """Return a fault's error and hint, which must be the only such lines and the last thing that was said."""
    lines = result.err.splitlines()
    said = [line for line in lines if line.startswith(("error: ", "hint: "))]
    assert said == lines[-2:], result
    error, hint = said
    assert hint.startswith("hint: "), result
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


def _ask(registry: str, path: str) -> Any:  # noqa: ANN401 - whatever the registry tells
    connection = http.client.HTTPConnection(registry, timeout=10)
    try:
        connection.request("GET", f"/v2/{path}")
        return json.load(connection.getresponse())
    finally:
        connection.close()
