"""All that a task might change, to be held against itself when one must have changed nothing."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import urllib3
from ruamel.yaml import YAML

from tasks.core.names import Reference
from tasks.tools.registry import inspect

from .cli import Result, run, sh
from .hubs import Hub
from .registry import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST

PLATFORM = "linux/amd64"
_MANIFESTS = (INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)
_LOOKS = {
    "status": "--no-optional-locks status --porcelain=v2 --branch --show-stash --untracked-files=all",
    "refs": "for-each-ref",
    "index": "ls-files --stage",
    "config": "config --local --list",
}
# All that there is around a hub repository: each thing by its name, which begins with a word of its kind.
World: TypeAlias = dict[str, "str | bytes"]


def around(hub: Hub, registry: str | None = None, below: str = "") -> World:
    """Look at everything; at a registry's images below a path where its ``HOST:PORT`` is given."""
    images = images_in(registry, below) if registry else {}
    return {
        **{f"git {name}": run("git", *look.split(), cwd=hub.path).out for name, look in _LOOKS.items()},
        "remote refs": run("git", "for-each-ref", cwd=hub.remote).out,
        **{f"image {name}": digest for name, digest in images.items()},
        **{f"file {name}": content for name, content in hub.snapshot().items()},
        "logins": (Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_bytes(),
    }


@contextmanager
def nothing_written(hub: Hub) -> Iterator[None]:
    """Demand that the block leaves the repository and its remote as they are."""
    before = around(hub)
    yield
    assert around(hub) == before


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def images_in(address: str, below: str = "") -> dict[str, str]:
    """Return what the registry at ``HOST:PORT`` has below a path: digests by ``repository:tag``."""

    def ask(method: str, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request(method, f"http://{address}/v2/{path}", headers={"Accept": ", ".join(_MANIFESTS)})

    repositories = [name for name in ask("GET", "_catalog?n=1000").json()["repositories"] if name.startswith(below)]
    tags = [(name, tag) for name in repositories for tag in ask("GET", f"{name}/tags/list").json().get("tags") or ()]
    digest = "Docker-Content-Digest"
    return {f"{name}:{tag}": ask("HEAD", f"{name}/manifests/{tag}").headers[digest] for name, tag in tags}


def in_registry(image: str) -> Any:  # noqa: ANN401 - the JSON that buildx prints
    """Return what a registry says of an image, asked without this project's help."""
    return json.loads(sh("docker", "buildx", "imagetools", "inspect", image, "--format={{json .}}", cwd=Path.cwd()))


def labels(image: str) -> Mapping[str, str]:
    found = inspect(Reference.parse(image))
    assert found is not None, image
    return found.platforms[PLATFORM].labels


def data(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return a YAML file's content as plain data."""
    return YAML(typ="safe").load(io.StringIO(text))


def demand_fault(told: Result, code: int, error: str, hint: str) -> None:
    """Demand that a task printed nothing but one error and one hint, and ended with ``code``."""
    assert (told.code, told.out, told.err) == (code, "", f"error: {error}\nhint: {hint}\n"), told


def fault(result: Result) -> tuple[str, str]:
    """Return a fault's error and hint, which must be the only such lines and the last thing that was said."""
    lines = result.err.splitlines()
    said = [line for line in lines if line.startswith(("error: ", "hint: "))]
    assert said == lines[-2:], result
    error, hint = said
    assert hint.startswith("hint: "), result
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


def ended(told: Result) -> tuple[int, str, str]:
    """Return the exit code, the error and the hint of a task that was stopped by a fault."""
    return told.code, *fault(told)


def each(told: Iterable[Mapping[str, Any]], keys: str) -> list[tuple[Any, ...]]:
    """Return what a report tells of each problem, by the keys' names: ``code path line``."""
    return [tuple(one[key] for key in keys.split()) for one in told]


def values_of(hub: Hub) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return the content of the chart's values as plain data."""
    return data(hub.read("hub/values.yaml"))


def commands(plan: str) -> list[str]:
    """Return a plan's commands: what stands behind ``$``, and the lines below it up to the end of a build."""
    found: list[str] = []
    margin, reading = 0, False
    for line in plan.splitlines():
        before, dollar, command = line.partition("$ ")
        if reading:
            found[-1] += "\n" + line[margin:]
            reading = not line[margin:].startswith((")", "gcloud builds submit "))
        elif dollar and not before.strip():
            found.append(command)
            margin, reading = len(before), command.startswith(("context=$(mktemp -d)", "request=$(mktemp -d)"))
    return found
