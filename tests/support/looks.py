"""What one looks at from outside: a repository's state, a registry's content, an image's labels, a fault's lines."""

from __future__ import annotations

import http.client
import io
import json
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from tasks.core.names import Reference
from tasks.tools import docker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.cli import Result
    from tests.support.hubs import Hub

PLATFORM = "linux/amd64"
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True)
class Standing:
    """Where a repository and its remote stand.

    Attributes:
        files: every file of the work tree, with its bytes.
        git: what git tells of the clone: status, references, index.
        remote: the remote's references.
    """

    files: Mapping[str, bytes]
    git: tuple[str, ...]
    remote: str

    @classmethod
    def of(cls, hub: Hub) -> Standing:
        looks = (("status", "--porcelain", "--branch"), ("for-each-ref",), ("ls-files", "--stage"))
        return cls(hub.snapshot(), tuple(hub.git(*look) for look in looks), hub.remote_git("for-each-ref"))


@contextmanager
def nothing_written(hub: Hub) -> Iterator[None]:
    """Demand that the block leaves the repository and its remote as they are."""
    before = Standing.of(hub)
    yield
    assert Standing.of(hub) == before


def fault(result: Result) -> tuple[str, str]:
    """Return a fault's error and hint: the last two lines that were said, and the only ones of their kind."""
    lines = result.err.splitlines()
    assert [line for line in lines if line.startswith(("error: ", "hint: "))] == lines[-2:], result
    assert result.out == "", result
    error, hint = lines[-2:]
    return error, hint


def images_in(address: str, below: str = "") -> dict[str, str]:
    """Return what the registry at ``HOST:PORT`` has below a path: digests by ``repository:tag``."""
    repositories = [name for name in _ask(address, "_catalog?n=1000")["repositories"] if name.startswith(below)]
    tags = [(name, tag) for name in repositories for tag in _ask(address, f"{name}/tags/list")["tags"] or ()]
    return {f"{name}:{tag}": _digest(address, name, tag) for name, tag in tags}


def labels(image: str) -> Mapping[str, str]:
    """Return the labels of an image that a registry has."""
    found = docker.inspect(Reference.parse(image))
    assert found is not None, image
    return found.platforms[PLATFORM].labels


def data(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return a YAML file's content as plain data."""
    return YAML(typ="safe").load(io.StringIO(text))


def _ask(address: str, path: str) -> Any:  # noqa: ANN401 - whatever the registry tells
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", f"/v2/{path}")
        return json.load(connection.getresponse())


def _digest(address: str, name: str, tag: str) -> str:
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("HEAD", f"/v2/{name}/manifests/{tag}", headers={"Accept": ", ".join(_MANIFESTS)})
        return connection.getresponse().headers["Docker-Content-Digest"]
