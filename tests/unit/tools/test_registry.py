"""What a registry says of images of every make, and what becomes of a question to one that misbehaves."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from tasks.core.faults import Denied, Fault, NoResponse, ProgramFailed, Refused, Unreachable
from tasks.core.names import Reference
from tasks.tools.command import Output
from tasks.tools.docker import Builder, bake_command, build_fault, machine_fault, require_builder
from tasks.tools.registry import Conversation, FoundImage, inspect, inspect_all, require_push_right
from tests.support.calls import raised
from tests.support.conduct import CONDUCTS, Conduct, asks_for, says, sends_to
from tests.support.gcloud import configure_docker
from tests.support.processes import write_program
from tests.support.registry import (
    ATTESTATION,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Repository,
    layer_digest,
    sign_in,
    use_helper,
)
from tests.support.server import CERTIFICATE, Drip, Server, misbehaving, reply

ALL = [pytest.param(conduct, id=title) for title, conduct in CONDUCTS.items() if conduct.registry]
AMD64, ARM64 = "linux/amd64", "linux/arm64"
TULIP = "Basic cm9iaW46dHVsaXAtZ2FyZGVu"  # robin:tulip-garden
SLOW = {title: conduct.answer for title, conduct in CONDUCTS.items() if isinstance(conduct.answer, Drip)}


def named(served: Server, tag: str = "1") -> Reference:
    return Reference(f"{served.address}/hub", tag)


@pytest.mark.engine
@pytest.mark.parametrize("conduct", ALL)
def test_a_registry_that_misbehaves_is_one_fault_and_never_not_found(alone: Server, conduct: Conduct) -> None:
    alone.answer("", conduct.answer)
    with pytest.raises(Fault) as fault:
        inspect(named(alone))
    assert conduct.fits(fault.value, alone.address), fault.value
    assert len(str(fault.value).splitlines()) == 2
    assert len(alone.asked) < 20


@pytest.mark.parametrize("conduct", ALL)
def test_a_right_to_push_that_is_not_denied_is_left_to_the_push(alone: Server, conduct: Conduct) -> None:
    alone.answer("", conduct.answer)
    with pytest.raises(Denied) if conduct.kind is Denied else nullcontext():
        require_push_right(named(alone))


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_registry_takes_no_longer_than_it_may(
    alone: Server, monkeypatch: pytest.MonkeyPatch, answer: Drip
) -> None:
    monkeypatch.setattr("tasks.tools.registry.SECONDS", 0.5)
    alone.answer("", answer)
    begin = time.monotonic()
    with pytest.raises(Unreachable) as raised:
        inspect(named(alone))
    require_push_right(named(alone))
    assert time.monotonic() - begin < 3
    # Not "within 0.499998 s", which is what is left of them.
    assert not re.search(r"\.\d\d", str(raised.value))


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are asked for one after the other, for half a second each."""
    monkeypatch.setattr("tasks.tools.process.MOST_AT_ONCE", 1)
    monkeypatch.setattr("tasks.tools.registry.SECONDS", 0.5)


@pytest.mark.usefixtures("one_at_a_time")
def test_a_registry_that_does_not_respond_is_not_asked_for_forty_images(alone: Server) -> None:
    alone.answer("", CONDUCTS["headers that drip"].answer)
    images = [named(alone, str(tag)) for tag in range(40)]
    with misbehaving() as other:
        answers = inspect_all([*images, named(other)])
    assert answers.pop(named(other)) is None
    (said,) = {str(answer) for answer in answers.values()}
    assert said.splitlines() == [
        f"error: cannot reach the registry: no complete response within 0.5 s ({alone.address})",
        f"hint: curl -I http://{alone.address}/v2/",
    ]
    assert (list(answers), alone.lines) == (images, ["GET /v2/hub/manifests/0"])


@pytest.mark.usefixtures("one_at_a_time")
def test_one_image_without_a_response_leaves_the_registrys_others(alone: Server) -> None:
    first, slow, last = images = [named(alone, tag) for tag in ("first", "slow", "last")]
    alone.answer("slow", CONDUCTS["headers that drip"].answer)
    answers = inspect_all(images)
    assert isinstance(answers[slow], NoResponse)
    assert (answers[first], answers[last]) == (None, None)


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"])
def test_not_found_is_an_answer_in_the_registrys_own_words(alone: Server, code: str) -> None:
    alone.answer("", says("404 Not Found", code, "no such thing"))
    assert inspect(named(alone)) is None
    assert [str(asked) for asked in alone.asked] == ["GET /v2/hub/manifests/1"]


# -- what a registry has, and what it says of it


@pytest.fixture
def repository(before: Server) -> Repository:
    return Repository(before.address, f"servers/{secrets.token_hex(4)}")


def at(repository: Repository, tag: str) -> Reference:
    return Reference(f"{repository.address}/{repository.path}", tag)


def look(repository: Repository, tag: str) -> FoundImage:
    found = inspect(at(repository, tag))
    assert found is not None
    return found


def require_refused(image: Reference, what: str) -> None:
    hint = f"look at it: docker buildx imagetools inspect {image}; rebuild it: invoke build --force"
    assert raised(Refused, inspect, image) == f"error: {what} ({image})\nhint: {hint}"


@pytest.mark.engine
@pytest.mark.parametrize("media_type", [MANIFEST, DOCKER_MANIFEST], ids=["OCI's manifest", "Docker's manifest"])
def test_one_image(repository: Repository, media_type: str) -> None:
    pushed = repository.push("1", AMD64, "abc", media_type=media_type)
    found = look(repository, "1")
    assert found.digest == pushed["digest"]
    assert {name: image.layers for name, image in found.platforms.items()} == {
        AMD64: (layer_digest("a"), layer_digest("b"), layer_digest("c"))
    }


@pytest.mark.engine
@pytest.mark.parametrize("media_type", [INDEX, DOCKER_INDEX], ids=["OCI's index", "Docker's list"])
def test_an_index_of_several_platforms(repository: Repository, media_type: str) -> None:
    entries = [repository.push("amd64", AMD64, "ab"), repository.push("arm64", "linux/arm64/v8", "xy")]
    entries.append(repository.push("armv7", "linux/arm/v7", "x"))
    digest = repository.push_index("1", *entries, media_type=media_type)
    found = look(repository, "1")
    assert set(found.platforms) == {AMD64, ARM64, "linux/arm/v7"}
    assert found.digests == (digest, *(entry["digest"] for entry in entries))
    assert found.platforms[ARM64].layers == (layer_digest("x"), layer_digest("y"))
    # A platform is spelled the same in an image and in an index.
    assert set(look(repository, "arm64").platforms) == {ARM64}


@pytest.mark.engine
@pytest.mark.parametrize(
    ("first", "second", "is_named"),
    [
        pytest.param(AMD64, AMD64, True, id="two images"),
        pytest.param("linux/arm64", "linux/arm64/v8", True, id="in two spellings"),
        pytest.param(AMD64, AMD64, False, id="without their platform"),
        pytest.param(AMD64, None, False, id="the same image twice"),
    ],
)
def test_an_index_with_two_manifests_for_a_platform_is_refused(
    repository: Repository, first: str, second: str | None, *, is_named: bool
) -> None:
    one = repository.push("first", first, "ab")
    entries = [one, repository.push("second", second, "xy") if second else one]
    entries = [{key: entry[key] for key in entry if is_named or key != "platform"} for entry in entries]
    repository.push_index("1", *entries, repository.push("other", "linux/s390x", "s"))
    require_refused(at(repository, "1"), f"the index has 2 manifests for {first}")


@pytest.mark.engine
def test_attestations_beside_an_image_are_no_platforms(repository: Repository) -> None:
    image = repository.push("image", AMD64, "abc")
    marks = [{**repository.push(f"p{n}", "unknown/unknown", "p" * n), "platform": ATTESTATION} for n in (1, 2)]
    digest = repository.push_index("1", image, *marks)
    assert look(repository, "1").digests == (digest, image["digest"])


@pytest.mark.engine
def test_an_index_of_nothing_is_no_usable_answer(repository: Repository) -> None:
    repository.push_index("1")
    with pytest.raises(Unreachable, match="the response is not an image"):
        inspect(at(repository, "1"))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("media_type", "said", "really", "others"),
    [
        pytest.param(MANIFEST, AMD64, ARM64, (), id="OCI, alone"),
        pytest.param(DOCKER_MANIFEST, ARM64, AMD64, ("linux/s390x",), id="Docker, among others"),
    ],
)
def test_an_index_that_says_another_platform_than_its_image(
    repository: Repository, media_type: str, said: str, really: str, others: tuple[str, ...]
) -> None:
    image = repository.push("image", really, "ab", media_type=media_type)
    image["platform"] = dict(zip(("os", "architecture"), said.split("/"), strict=True))
    entries = [repository.push("other", other, "xy", media_type=media_type) for other in others]
    whole = DOCKER_INDEX if media_type == DOCKER_MANIFEST else INDEX
    repository.push_index("1", image, *entries, media_type=whole)
    require_refused(at(repository, "1"), f"the index says {said}, its image is for {really}")


@pytest.mark.engine
def test_an_index_without_platforms_has_those_of_its_images(repository: Repository) -> None:
    image = repository.push("image", AMD64, "ab")
    del image["platform"]
    repository.push_index("1", image)
    assert set(look(repository, "1").platforms) == {AMD64}


LOST = says("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown")
ANOTHER = reply(b'{"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["sha256:0"]}}')


@pytest.mark.engine
@pytest.mark.parametrize("part", ["blobs/sha256", "manifests/sha256"], ids=["configuration", "manifest of a platform"])
@pytest.mark.parametrize(("answer", "why"), [(LOST, "is missing"), (ANOTHER, "has another digest")])
def test_an_image_without_one_of_its_parts_is_not_missing(
    repository: Repository, before: Server, part: str, answer: bytes, why: str
) -> None:
    repository.push_index("1", repository.push("image", AMD64, "ab"))
    before.answer(part, answer)
    with pytest.raises(Unreachable, match=f"the registry's image is broken: .* {why}"):
        inspect(at(repository, "1"))


def test_the_same_digest_twice_in_the_headers_is_that_digest(alone: Server) -> None:
    """A proxy sends it again; Docker pushes and pulls all the same."""
    same, other = (f"sha256:{hashlib.sha256(body).hexdigest()}" for body in (b"{}", b"[]"))
    alone.answer("twice", reply(b"{}", Docker_Content_Digest=same, docker_content_digest=same))
    alone.answer("other", reply(b"{}", Docker_Content_Digest=same, docker_content_digest=other))
    conversation = Conversation(named(alone))
    assert conversation.read("manifests", "twice") == b"{}"
    assert "other of its manifests has another digest" in raised(Unreachable, conversation.read, "manifests", "other")


@pytest.mark.engine
def test_a_blob_that_lies_on_another_server_is_taken_from_there(repository: Repository, before: Server) -> None:
    pushed = repository.push("1", AMD64, "ab")
    look(repository, "1")
    blob = next(asked.path for asked in before.asked if "/blobs/sha256" in asked.path)
    with misbehaving(before.behind) as storage:
        before.answer(blob, sends_to(f"http://{storage.address}{blob}"))
        assert look(repository, "1").digest == pushed["digest"]
    assert [str(asked) for asked in storage.asked] == [f"GET {blob}"]


# -- credentials


@pytest.fixture
def asking(alone: Server) -> Server:
    """A registry that asks for a password, and Docker has one for it."""
    sign_in(alone.address, "robin", "tulip-garden")
    alone.answer("", asks_for('Basic realm="hub"'), times=1)
    return alone


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another server, which is not to have the registry's credentials."""
    with misbehaving() as served:
        yield served


def ask_for(image: Reference) -> None:
    with suppress(Unreachable):
        inspect(image)


LOOKS = pytest.mark.parametrize("look", [ask_for, require_push_right], ids=["look", "right to push"])


def test_credentials_do_not_follow_a_redirect_to_another_server(asking: Server, elsewhere: Server) -> None:
    asking.answer("", sends_to(f"http://{elsewhere.address}/v2/hub/manifests/1"))
    ask_for(named(asking))
    assert asking.said("Authorization") == [TULIP]
    assert [str(asked) for asked in elsewhere.asked] == ["GET /v2/hub/manifests/1"]
    assert elsewhere.said("Authorization") == []


def test_credentials_do_not_go_where_an_upload_was_begun_elsewhere(asking: Server, elsewhere: Server) -> None:
    asking.answer("POST", reply(status="202 Accepted", Location=f"http://{elsewhere.address}/v2/hub/blobs/uploads/1"))
    require_push_right(named(asking))
    assert asking.said("Authorization") == [TULIP]
    assert elsewhere.asked == []


@pytest.mark.parametrize("place", ["/v2/hub/blobs/uploads/1", "1", "http://{}/v2/hub/blobs/uploads/1"])
def test_an_upload_that_was_begun_is_given_up(asking: Server, place: str) -> None:
    asking.answer("POST", reply(status="202 Accepted", Location=place.format(asking.address)))
    asking.answer("DELETE", reply(status="204 No Content"))
    require_push_right(named(asking))
    assert str(asking.asked[-1]) == "DELETE /v2/hub/blobs/uploads/1"
    assert asking.said("Authorization") == [TULIP, TULIP]


def test_a_missing_credential_helper_is_denied_with_the_way_to_sign_in(alone: Server) -> None:
    alone.answer("", asks_for('Basic realm="hub"'))
    use_helper(alone.address, "of-the-day")
    error, hint = raised(Denied, inspect, named(alone)).splitlines()
    assert "credential helper is not on PATH" in error
    assert hint == "hint: put the folder of docker-credential-of-the-day on PATH"


def test_what_a_credential_helper_prints_beside_its_answer_does_not_show_that(
    alone: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.answer("", asks_for('Basic realm="hub"'))
    use_helper(alone.address, "talking")
    answer = 'Warning: old version\\n{"Username": "robin", "Secret": "tulip-garden"}'
    write_program(tmp_path, "docker-credential-talking", f"printf '{answer}'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    told = raised(Denied, inspect, named(alone))
    assert "error getting credentials: exit status 0: not JSON" in told
    assert "tulip" not in told


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A registry with a certificate, whose password Docker has; it is taken for one beyond this machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setattr("tasks.tools.registry.is_loopback", lambda _: False)
    with misbehaving(certificate=CERTIFICATE) as served:
        sign_in(served.address, "robin", "tulip-garden")
        yield served


@LOOKS
def test_a_password_for_https_is_not_sent_for_a_token_by_http(
    secure: Server, elsewhere: Server, look: Callable[[Reference], None]
) -> None:
    secure.answers = [asks_for(f'Bearer realm="http://{elsewhere.address}/token",service="hub"')]
    look(named(secure))
    assert len(secure.asked) == 1
    assert elsewhere.asked == []


@pytest.mark.parametrize("token_first", [True, False])
def test_of_several_ways_to_sign_in_a_token_is_taken(alone: Server, *, token_first: bool) -> None:
    sign_in(alone.address, "robin", "tulip-garden")
    ways = [f'Bearer realm="http://{alone.address}/token",service="hub"', 'Basic realm="hub"'][
        :: 1 if token_first else -1
    ]
    head = "".join(f"WWW-Authenticate: {way}\r\n" for way in ways)
    alone.answer("manifests", f"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n{head}\r\n".encode(), times=1)
    alone.answer("GET /token", reply(b'{"token": "abc"}'))
    ask_for(named(alone))
    assert alone.said("Authorization") == [TULIP, "Bearer abc"]


def test_a_challenge_is_read_as_docker_reads_it(alone: Server) -> None:
    alone.answer("manifests", asks_for(f'bearer Realm="http://{alone.address}/token?tenant=a",Service="hub"'), times=1)
    alone.answer("GET /token", reply(b'{"token": "abc"}'))
    ask_for(named(alone))
    assert alone.asked[1].path == "/token?tenant=a&service=hub&scope=repository%3Ahub%3Apull"


def test_a_token_is_asked_for_the_right_to_push(alone: Server) -> None:
    sign_in(alone.address, "robin", "tulip-garden")
    alone.answer("POST", asks_for(f'Bearer realm="http://{alone.address}/token",service="hub"'), times=1)
    alone.answer("GET /token", reply(b'{"token": "abc"}'))
    alone.answer("POST", says("403 Forbidden", "DENIED", "requested access to the resource is denied"))
    raised(Denied, require_push_right, named(alone))
    assert alone.asked[1].path.endswith("scope=repository%3Ahub%3Apull%2Cpush")
    assert alone.said("Authorization") == [TULIP, "Bearer abc"]


@pytest.mark.parametrize(
    ("key", "login"),
    [
        ("{}", {"auth": TULIP.removeprefix("Basic ")}),
        ("https://{}/v1/", {"auth": TULIP.removeprefix("Basic ")}),
        ("http://{}", {"auth": TULIP.removeprefix("Basic ")}),
        ("{}", {"username": "robin", "password": "tulip-garden"}),
    ],
    ids=["as docker login writes it", "under an old address", "under http", "username and password"],
)
def test_what_docker_takes_for_a_login_is_one(alone: Server, key: str, login: dict[str, str]) -> None:
    configure_docker({"auths": {key.format(alone.address): login}})
    alone.answer("manifests", asks_for('Basic realm="hub"'), times=1)
    ask_for(named(alone))
    assert alone.said("Authorization") == [TULIP]


def test_an_empty_login_is_none_as_to_docker(alone: Server) -> None:
    login = {"auth": TULIP.removeprefix("Basic ")}
    configure_docker({"auths": {alone.address: {}, f"https://{alone.address}": login}})
    alone.answer("manifests", asks_for('Basic realm="hub"'), times=1)
    assert "no credentials for it on this machine" in raised(Denied, inspect, named(alone))


def test_an_identity_token_is_given_for_a_token(alone: Server) -> None:
    configure_docker({"auths": {alone.address: {"auth": "MDA6", "identitytoken": "tulip"}}})
    alone.answer("manifests", asks_for(f'Bearer realm="http://{alone.address}/token",service="hub"'), times=1)
    alone.answer("POST /token", reply(b'{"access_token": "abc"}'))
    ask_for(named(alone))
    assert [str(asked) for asked in alone.asked][1] == "POST /token"
    assert alone.said("Authorization") == ["Bearer abc"]


@LOOKS
def test_https_does_not_become_http(secure: Server, elsewhere: Server, look: Callable[[Reference], None]) -> None:
    place = f"http://{elsewhere.address}/v2/hub/blobs/uploads/1"
    secure.answers = [sends_to(place), reply(status="202 Accepted", Location=place)]
    look(named(secure))
    assert elsewhere.asked == []


def test_a_registry_beyond_this_machine_is_never_asked_by_http() -> None:
    assert Conversation(Reference("registry.example:80/hub")).root.url == "https://registry.example:80/v2/hub/"
    assert Conversation(Reference("127.0.0.1.evil.example/hub")).root.url == "https://127.0.0.1.evil.example/v2/hub/"
    assert Conversation(Reference("localhost:5000/hub")).root.url == "http://localhost:5000/v2/hub/"


# -- what Docker says of registries, builders and images


@pytest.mark.parametrize(("driver", "variable"), [("docker", "DOCKER_CONTEXT"), ("kubernetes", "BUILDX_BUILDER")])
def test_the_builder_that_the_plan_has_looked_at_builds_whichever_is_current_by_then(
    driver: str, variable: str
) -> None:
    current = Builder(None, driver, called="pods")
    command = bake_command(current, "{}", None, Path("metadata.json"))
    assert (command.hidden_env[variable], command.argv[:3]) == ("pods", ("docker", "buildx", "bake"))
    # `docker buildx use` chooses a builder of the context.
    assert command.hidden_env["BUILDX_BUILDER"] == "pods"


def test_of_a_build_the_registry_that_did_not_answer_is_named() -> None:
    asked = "https://registry-1.docker.io/v2/docker/dockerfile/manifests/1.3"
    words = f'ERROR: failed to do request: Head "{asked}": dial tcp: lookup registry-1.docker.io: no such host'
    fault = build_fault(Output(1, b"", words), "127.0.0.1:5000", Builder())
    assert (fault.where, fault.hint) == ("registry-1.docker.io", "curl -I https://registry-1.docker.io/v2/")


HUB_LIMIT = (
    "failed to solve: node:20: failed to resolve source metadata for docker.io/library/node:20: unexpected status from "
    "GET request to https://registry-1.docker.io/v2/library/node/manifests/20: 429 Too Many Requests"
)
PRIVATE_STAGE = (
    "failed to solve: ghcr.io/team/tools:1: failed to resolve source metadata for ghcr.io/team/tools:1: failed to "
    "authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 401"
)
PUSH = "failed to solve: failed to push quay.io/team/hub:1: unauthorized: access to the requested resource is not ..."


@pytest.mark.parametrize(
    ("words", "host"),
    [(HUB_LIMIT, "docker.io"), (PRIVATE_STAGE, "ghcr.io"), (PUSH, "quay.io"), ("denied", "ours.test")],
)
def test_of_a_build_the_registry_to_sign_in_to_is_the_one_that_denied_it(words: str, host: str) -> None:
    """Another stage's image, or the Dockerfile's syntax, come from others than the image goes to."""
    fault = build_fault(Output(1, b"", f"ERROR: {words}"), "ours.test", Builder())
    assert (fault.code, fault.where) == (4, host)
    assert fault.hint.endswith(f"docker login {host}")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("variable", "asked", "hint"),
    [
        (None, "nobody-made-this", "docker buildx ls"),
        ("BUILDX_BUILDER", None, "unset BUILDX_BUILDER"),
    ],
)
def test_a_builder_that_nobody_made_is_a_fault_with_a_way_on(
    variable: str | None, asked: str | None, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_builder(None)
    if variable:
        monkeypatch.setenv(variable, "nobody-made-this")
    assert raised(ProgramFailed, require_builder, asked).endswith(f"\nhint: {hint}")


def test_a_context_that_is_gone_is_left() -> None:
    """As after Docker Desktop was removed."""
    said = 'Failed to initialize: unable to resolve docker endpoint: context "desktop-linux": context not found: open'
    fault = machine_fault(said)
    assert fault is not None
    assert (fault.what, fault.hint) == ("Docker's context does not exist", "docker context use default")
