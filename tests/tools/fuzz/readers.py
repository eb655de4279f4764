"""Every reader of what comes from elsewhere, and inputs for it."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from urllib3 import HTTPHeaderDict

from tasks.core.faults import Fault
from tasks.core.http import Address, Answer
from tasks.core.names import Reference
from tasks.core.settings import Settings, read_settings
from tasks.core.visible import mask
from tasks.image.credentials import credential_in
from tasks.image.tag import fill_template
from tasks.releases.index import Release, read_index
from tasks.releases.repository import base_image_in
from tasks.releases.versions import parse_constraint
from tasks.repo.charts import read_chartpress, requirements, with_version
from tasks.repo.dockerfile import hub_base, with_base
from tasks.repo.files import Listing, is_encrypted
from tasks.repo.hub import Hub
from tasks.repo.pins import Marked, Marker
from tasks.repo.values import image_at, with_image
from tasks.tools import docker
from tasks.tools.command import Output
from tasks.tools.forges import opening_address, read_remote
from tasks.tools.git import Git, push_fault, remote_fault
from tasks.tools.logins import DockerLogins, denied
from tasks.tools.registry import inspect, require_push_right
from tests.support.calls import InMemory
from tests.support.helm import RELEASES, chart_archive, index_text

from . import seeds
from .inputs import damaged, damaged_text, trees

WHERE = "some/file"
NAMES = {"TAG": "1", "LAST_COMMIT": "abc"}
IMAGE = Reference("registry.test/hub", "1")


def outcome(read: Callable[[Any], object], given: object) -> Fault | None:
    """Have ``given`` read, and return the fault that came of it, if one did; anything else is raised."""
    with patch("tasks.tools.process.find", side_effect=AssertionError("a program is asked")):
        try:
            read(given)
        except Fault as fault:
            return fault
    return None


# -- files of the hub repository


def _dockerfile(data: bytes) -> None:
    hub_base(data, WHERE)
    with_base(data, Reference("quay.io/jupyterhub/k8s-hub", "4.4.0"), WHERE)


def _requirement(data: bytes) -> None:
    requirements(data, WHERE)
    with_version(data, "jupyterhub", "4.4.0", WHERE)


def _values(data: bytes) -> None:
    place = "jupyterhub.hub.image"
    with contextlib.suppress(Fault):
        image_at(data, place, WHERE)
    image = Reference("quay.io/org/hub", "1.10")
    after = with_image(data, place, image, WHERE)
    assert image_at(after, place, WHERE).written[:2] == image[:2]
    assert with_image(after, place, image, WHERE) == after


def _settings_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "invoke.yaml")
        file.write_bytes(data)
        read_settings({}, file)


def _credential_file(data: bytes) -> None:
    for name in ("a", ".netrc", ".git/config", ".pypirc", "credentials", "kubeconfig", ".env"):
        credential_in(name, data)


def _marked(text: str) -> None:
    files = InMemory({WHERE: f"# hubpress: jupyterhub\n{text}".encode("utf-8", "surrogatepass")})
    pin = Marked(WHERE, "jupyterhub", Marker("jupyterhub", ""), 0)
    pin.read(files)
    assert b"4.4.0" in pin.moved(files, "4.4.0")[WHERE]


def _hub(files: dict[str, bytes]) -> None:
    """Read a hub repository whose files are all committed on ``main``."""
    held = InMemory(files)
    hub = Hub(Git(Path("/nowhere")), Settings(root=""), held, Listing(tuple(files), {}, ()), held, "main")
    for image in hub.images:
        hub.values_places(image)
    assert hub.requirement.name == "jupyterhub"
    assert hub.managed
    assert list(hub.changed) == []


# -- what servers say


def _registry(given: tuple[int, str, bytes]) -> None:
    status, header, body = given
    names = ("www-authenticate", "location", "docker-content-digest")
    headers = HTTPHeaderDict(dict.fromkeys(names, header))
    answer = Answer(Address("https", IMAGE.host, "/v2/"), status, headers, body)
    with patch("tasks.core.http.send", return_value=answer):
        with contextlib.suppress(Fault):
            inspect(IMAGE)
        require_push_right(IMAGE)


def _words(text: str) -> None:
    output = Output(1, b"", text)
    faults = (
        denied(text, "us-docker.pkg.dev"),
        docker.build_fault(output, "registry.test", docker.Builder()),
        push_fault(output, "origin", "main", ahead=False),
        remote_fault(output, "origin"),
    )
    assert [len(str(fault).splitlines()) for fault in faults] == [2, 2, 2, 2]


# -- files of this machine


def _docker_config(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, DOCKER_CONFIG=folder):
        Path(folder, "config.json").write_bytes(data)
        logins = DockerLogins.read()
        for host in ("quay.io", "docker.io"):
            logins.helper_for(host)
            with patch("tasks.tools.logins._credentials_of", lambda *_: None):
                logins.credentials(host)


# -- names and addresses


def _reference(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(str(reference)) == reference
    assert not str(reference).startswith("-")
    assert reference.host
    assert reference.path


def _remote(text: str) -> None:
    repository = read_remote(text)
    if repository:
        opening_address(repository, repository, text, "main", text)


def _address(text: str) -> None:
    Address.parse("https://charts.test/").resolved(text, "https://charts.test/index.yaml")
    Address.parse(text).resolved(text)


def _json(*trees_of: Any) -> SearchStrategy[bytes]:  # noqa: ANN401 - JSON
    """Return JSON of the right shape with other things in it, and JSON that is none."""
    packed = [json.dumps(tree).encode() for tree in trees_of]
    right = trees(*trees_of).map(lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass"))
    return st.one_of(right, right, damaged(packed))


_INDEX = index_text(RELEASES, {release.version: "0" * 64 for release in RELEASES}).encode()
_STATUS = st.sampled_from([200, 200, 200, 202, 301, 401, 403, 404, 429, 500])
_HEADERS = damaged_text(*seeds.HEADERS)
# What each is given, and the reader itself.
READERS: dict[str, tuple[SearchStrategy[Any], Callable[[Any], object]]] = {
    "chart index": (damaged([_INDEX]), lambda data: read_index(data, WHERE)),
    "chart archive": (damaged([chart_archive(RELEASES[1])]), lambda data: base_image_in(data, WHERE)),
    "files in a chart archive": (seeds.archives(), lambda data: base_image_in(data, WHERE)),
    "images of a release": (damaged_text(*seeds.ANNOTATIONS), lambda text: Release("1", images=text).base_image),
    "Dockerfile": (damaged(seeds.DOCKERFILES), _dockerfile),
    "requirement": (damaged(seeds.REQUIREMENTS), _requirement),
    "range of versions": (damaged_text(*seeds.RANGES), parse_constraint),
    "marked line": (damaged_text(*seeds.MARKED), _marked),
    "chartpress.yaml": (damaged(seeds.CHARTPRESS), lambda data: read_chartpress(data, "chartpress.yaml")),
    "values": (damaged(seeds.VALUES), _values),
    "encrypted values": (damaged(seeds.VALUES), is_encrypted),
    "whole hub repository": (seeds.hub_files(), _hub),
    "invoke.yaml": (damaged(seeds.SETTINGS), _settings_file),
    "template": (damaged_text(*seeds.TEMPLATES), lambda text: fill_template(text, NAMES, WHERE)),
    "Docker's configuration": (_json(seeds.DOCKER_CONFIG), _docker_config),
    "credential file": (damaged(seeds.CREDENTIAL_FILES), _credential_file),
    "registry": (st.tuples(_STATUS, _HEADERS, _json(*seeds.ANSWERS)), _registry),
    "programs' last words": (damaged_text(*seeds.WORDS), _words),
    "image's name": (damaged_text(*seeds.REFERENCES), _reference),
    "git remote": (damaged_text(*seeds.REMOTES), _remote),
    "Helm repository's address": (damaged_text(*seeds.ADDRESSES), _address),
    "text with secrets": (damaged_text(*seeds.REMOTES, *seeds.WORDS), mask),
}
