"""Every reader of what comes from elsewhere, and inputs for it."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from urllib3 import HTTPHeaderDict

from tasks.core.faults import Fault
from tasks.core.http import Address, Answer
from tasks.core.names import Reference
from tasks.core.settings import KEYS, Settings, read_settings
from tasks.core.visible import mask
from tasks.image.definition import bake_fields
from tasks.image.inputs import credential_in
from tasks.image.tag import History, chartpress_tag, fields, render, tag_to_come
from tasks.releases.index import Release, read_index
from tasks.releases.notes import comparison, release_links, security_news, upgrade_links
from tasks.releases.repository import hub_image_in
from tasks.repo.charts import read_chartpress, requirements, with_version
from tasks.repo.dockerfile import hub_base, with_base
from tasks.repo.files import Listing
from tasks.repo.hub import Hub
from tasks.repo.values import PinnedImage, image_at, with_image
from tasks.tools import docker, google
from tasks.tools.command import Command, Output
from tasks.tools.forges import GitHub, opening_address, read_remote
from tasks.tools.git import Git
from tasks.tools.refusals import denied, push_fault, remote_fault
from tasks.tools.registry import DockerLogins, ask_helper, inspect, require_push_right
from tests.support.charts import archive, entry
from tests.support.helm import RELEASES, chart_archive, index_text

from . import seeds
from .inputs import VALUES, damaged, damaged_text, trees

WHERE = "some/file"
IMAGE = Reference("registry.test/hub", "1")
# Far more than any of them needs: a machine may be busy.
SECONDS = 5.0


@dataclass(frozen=True)
class Reader:
    """One reader."""

    name: str
    inputs: SearchStrategy[Any]
    read: Callable[[Any], object]
    seconds: float = SECONDS


def outcome(reader: Reader, given: object) -> Fault | None:
    """Have ``given`` read, and return the fault that came of it, if one did; anything else is raised.

    What a program says is given, too: one that is started would say something else.
    """
    with patch("tasks.tools.process.find", side_effect=AssertionError(f"{reader.name}: a program is asked")):
        try:
            reader.read(given)
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
    with contextlib.suppress(Fault):
        image_at(data, "jupyterhub.hub.image", WHERE)
    with_image(data, "jupyterhub.hub.image", PinnedImage("quay.io/org/hub", "1.10", 0), WHERE)


def _settings_file(data: bytes) -> None:
    with _file("invoke.yaml", data) as file:
        read_settings({}, file)


def _credential_file(data: bytes) -> None:
    for name in ("a", ".netrc", ".git/config", ".pypirc", "credentials", "kubeconfig", ".env"):
        credential_in(name, data)


def _template(text: str) -> None:
    with contextlib.suppress(Fault):
        fields(text, WHERE)
    render(text, {"TAG": "1", "LAST_COMMIT": "abc"}, WHERE)


def _hub(files: dict[str, bytes]) -> None:
    hub = hub_of(files)
    for image in hub.images:
        hub.values_places(image)
    assert hub.requirement.name == "jupyterhub"
    assert hub.managed
    assert list(hub.changed) == []


# -- what programs say


@contextlib.contextmanager
def _answering(answer: Callable[[], tuple[int, bytes]]) -> Iterator[None]:
    """Let ``answer`` return the status of each program that is asked, and what it says on both of its outputs."""

    def capture(_: Command, **__: float) -> Output:
        status, data = answer()
        return Output(status, data, data.decode("utf-8", "replace"))

    with contextlib.ExitStack() as stack:
        for room in ("tools.process", "tools.docker", "tools.git", "tools.registry", "tools.forges", "image.tag"):
            stack.enter_context(patch(f"tasks.{room}.capture", capture))
        yield


def _saying(data: bytes, *, status: int = 0) -> contextlib.AbstractContextManager[None]:
    """Let every program say ``data``, and end with ``status``."""
    return _answering(lambda: (status, data))


def _helper(data: bytes) -> None:
    with _saying(data):
        ask_helper("gcloud", "quay.io")


def _gcloud(data: bytes) -> None:
    with _saying(data):
        google.active_account()


def _gh(data: bytes) -> None:
    for status in (0, 1, 4):
        with _saying(data, status=status), contextlib.suppress(Fault):
            GitHub("github.com", "org/hubs", Path()).requests("main")


def _engine(data: bytes) -> None:
    with _saying(data):
        docker.local(IMAGE)
        docker.packages(IMAGE)


def _builder(data: bytes) -> None:
    for status in (0, 1):
        with _saying(data, status=status), contextlib.suppress(Fault):
            docker.require_builder(None)


def _registry(given: tuple[int, str, bytes]) -> None:
    status, header, body = given
    names = ("www-authenticate", "location", "docker-content-digest")
    headers = HTTPHeaderDict(dict.fromkeys(names, header))
    answer = Answer(Address("https", IMAGE.host, "/v2/"), status, headers, body)
    with patch("tasks.core.http.send", return_value=answer):
        with contextlib.suppress(Fault):
            inspect(IMAGE)
        require_push_right(IMAGE)


def _history(said: list[bytes]) -> None:
    answers = iter(said)
    git = Git(Path())
    with _answering(lambda: (0, next(answers, b""))):
        for question in (
            *(git.branch, git.head, git.last_commit, lambda: git.changed(["a"])),
            lambda: git.remote_commit("origin", "main"),
            lambda: git.known_default("origin"),
            lambda: chartpress_tag(History(git), ["images/hub"], "minor"),
            lambda: tag_to_come(History(git), "1.2.3"),
        ):
            with contextlib.suppress(Fault):
                question()


def _words(text: str) -> None:
    output = Output(1, b"", text)
    faults = (
        denied(text, "us-docker.pkg.dev"),
        docker.registry_fault(output, "registry.test"),
        push_fault(output, "origin", "main", ahead=False),
        remote_fault(output, "origin"),
    )
    assert [len(str(fault).splitlines()) for fault in faults] == [2, 2, 2, 2]


# -- files of this machine


@contextlib.contextmanager
def _file(name: str, data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_bytes(data)
        yield file


def _docker_config(data: bytes) -> None:
    with _file("config.json", data) as file, patch.dict(os.environ, DOCKER_CONFIG=str(file.parent)):
        logins = DockerLogins.read()
        for host in ("quay.io", "docker.io"):
            logins.helper_for(host)
            logins.has_login(host)
            with patch("tasks.tools.registry._credentials_of", lambda *_: None):
                logins.credentials(host)


def _key_file(data: bytes) -> None:
    with _file("key.json", data) as file:
        google.key_account(file)


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


def _release(text: str) -> None:
    release_links(Release(text))
    upgrade_links("3.2.1", text)
    security_news("3.2.1", text)
    comparison(Release("3.2.1"), Release(text))


def _archive(members: list[tuple[str, bytes]]) -> None:
    hub_image_in(archive(*(entry(name, content) for name, content in members)), WHERE)


def _json(*trees_of: Any) -> SearchStrategy[bytes]:  # noqa: ANN401 - JSON
    """Return JSON of the right shape with other things in it, and JSON that is none."""
    packed = [json.dumps(tree).encode() for tree in trees_of]
    right = trees(*trees_of).map(lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass"))
    return st.one_of(right, right, damaged(packed))


_INDEX = index_text(RELEASES, {release.version: "0" * 64 for release in RELEASES}).encode()
_STATUS = st.sampled_from([200, 200, 200, 202, 301, 401, 403, 404, 429, 500])
_HEADERS = damaged_text(*seeds.HEADERS)
READERS = (
    Reader("chart index", damaged([_INDEX]), lambda data: read_index(data, WHERE)),
    Reader("chart archive", damaged([chart_archive(RELEASES[1])]), lambda data: hub_image_in(data, WHERE)),
    Reader("files in a chart archive", seeds.members(), _archive),
    Reader("images of a release", damaged_text(*seeds.ANNOTATIONS), lambda text: Release("1", images=text).hub_image),
    Reader("release's name", damaged_text(*seeds.VERSIONS), _release),
    Reader("Dockerfile", damaged(seeds.DOCKERFILES), _dockerfile),
    Reader("requirement", damaged(seeds.REQUIREMENTS), _requirement),
    Reader("chartpress.yaml", damaged(seeds.CHARTPRESS), lambda data: read_chartpress(data, "chartpress.yaml")),
    Reader("values", damaged(seeds.VALUES), _values),
    Reader("whole hub repository", seeds.hub_files(), _hub),
    Reader("invoke.yaml", damaged(seeds.SETTINGS), _settings_file),
    Reader("settings", st.dictionaries(st.sampled_from(KEYS), VALUES), read_settings),
    Reader("template", damaged_text(*seeds.TEMPLATES), _template),
    Reader(
        "build options",
        st.lists(damaged_text(*seeds.OPTIONS), max_size=4),
        lambda options: bake_fields(options, WHERE, {"HOME": "/x"}),
    ),
    Reader("Docker's configuration", _json(seeds.DOCKER_CONFIG), _docker_config),
    Reader("credential helper", _json(seeds.CREDENTIALS), _helper),
    Reader("credential file", damaged(seeds.CREDENTIAL_FILES), _credential_file),
    Reader("credential file in JSON", _json(*seeds.KEY_FILES, seeds.DOCKER_CONFIG), _credential_file),
    Reader("key file", _json(*seeds.KEY_FILES), _key_file),
    Reader("gcloud's accounts", _json(seeds.ACCOUNTS), _gcloud),
    Reader("gh's pull requests", _json(seeds.REQUESTS), _gh),
    Reader("image as the engine tells it", _json(seeds.LOCAL, seeds.PACKAGES), _engine),
    Reader("builder as buildx tells it", damaged([seeds.BUILDER]), _builder),
    Reader("what bake built", _json(seeds.METADATA), seeds.read_metadata),
    Reader("registry", st.tuples(_STATUS, _HEADERS, _json(*seeds.ANSWERS)), _registry),
    Reader("git's answers", st.lists(damaged(seeds.GIT), max_size=14), _history),
    Reader("programs' last words", damaged_text(*seeds.WORDS), _words),
    Reader("image's name", damaged_text(*seeds.REFERENCES), _reference),
    Reader("git remote", damaged_text(*seeds.REMOTES), _remote),
    Reader("Helm repository's address", damaged_text(*seeds.ADDRESSES), _address),
    Reader("text with secrets", damaged_text(*seeds.REMOTES, *seeds.WORDS), mask),
)


@dataclass(frozen=True)
class InMemory:
    """Files of a repository, by their paths."""

    content: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``; None where there is no such file."""
        return self.content.get(path)


def hub_of(files: Mapping[str, bytes]) -> Hub:
    """Return the hub repository whose files are ``files``, all of them committed on ``main``."""
    held = InMemory(files)
    return Hub(Git(Path("/nowhere")), Settings(root=""), held, held, Listing(tuple(files), {}, ()), "main")
