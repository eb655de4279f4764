"""What a real registry says of images of every make, asked in its own protocol."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.core.faults import Denied, ProgramFailed, Refused, Unreachable
from tasks.core.names import Reference
from tasks.rehearsal.registry import Registry
from tasks.tools.command import Output
from tasks.tools.docker import local, registry_fault, require_builder
from tasks.tools.registry import FoundImage, inspect
from tests.support.registry import (
    ATTESTATION,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    Repository,
    layer_digest,
    private_registry,
)

pytestmark = pytest.mark.engine
AMD64, ARM64 = "linux/amd64", "linux/arm64"


def test_of_a_build_the_registry_that_did_not_answer_is_named() -> None:
    asked = "https://registry-1.docker.io/v2/docker/dockerfile/manifests/1.3"
    words = f'ERROR: failed to do request: Head "{asked}": dial tcp: lookup registry-1.docker.io: no such host'
    fault = registry_fault(Output(1, b"", words), "127.0.0.1:5000")
    assert (fault.where, fault.hint) == ("registry-1.docker.io", "curl -I https://registry-1.docker.io/v2/")


@pytest.fixture
def repository(registry: Registry) -> Repository:
    return Repository(registry.address, f"inspection/{secrets.token_hex(4)}")


def named(repository: Repository, tag: str) -> Reference:
    return Reference(f"{repository.address}/{repository.path}", tag)


def look(repository: Repository, tag: str) -> FoundImage:
    found = inspect(named(repository, tag))
    assert found is not None
    return found


@pytest.mark.parametrize("media_type", [None, DOCKER_MANIFEST], ids=["OCI's manifest", "Docker's manifest"])
def test_one_image(repository: Repository, media_type: str | None) -> None:
    pushed = repository.push("1", AMD64, "abc", **({"media_type": media_type} if media_type else {}))
    found = look(repository, "1")
    assert found.digest == pushed["digest"]
    assert {name: image.layers for name, image in found.platforms.items()} == {
        AMD64: (layer_digest("a"), layer_digest("b"), layer_digest("c"))
    }


@pytest.mark.parametrize("media_type", [None, DOCKER_INDEX], ids=["OCI's index", "Docker's list"])
def test_an_index_of_several_platforms(repository: Repository, media_type: str | None) -> None:
    entries = [repository.push("amd64", AMD64, "ab"), repository.push("arm64", "linux/arm64/v8", "xy")]
    entries.append(repository.push("armv7", "linux/arm/v7", "x"))
    digest = repository.push_index("1", *entries, **({"media_type": media_type} if media_type else {}))
    found = look(repository, "1")
    assert set(found.platforms) == {AMD64, ARM64, "linux/arm/v7"}
    assert found.digests == (digest, *(entry["digest"] for entry in entries))
    assert found.platforms[ARM64].layers == (layer_digest("x"), layer_digest("y"))
    # A platform is spelled the same in an image and in an index.
    assert set(look(repository, "arm64").platforms) == {ARM64}


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
    with pytest.raises(Refused) as fault:
        look(repository, "1")
    image = named(repository, "1")
    inspected = f"docker buildx imagetools inspect {image}"
    assert str(fault.value) == (
        f"error: the index has 2 manifests for {first} ({image})\n"
        f"hint: look at it: {inspected}; rebuild it: invoke build --force"
    )


def test_attestations_beside_an_image_are_no_platforms(repository: Repository) -> None:
    image = repository.push("image", AMD64, "abc")
    marks = [{**repository.push(f"p{n}", "unknown/unknown", "p" * n), "platform": ATTESTATION} for n in (1, 2)]
    digest = repository.push_index("1", image, *marks)
    assert look(repository, "1").digests == (digest, image["digest"])


def test_an_index_of_nothing_is_no_usable_answer(repository: Repository) -> None:
    repository.push_index("1")
    with pytest.raises(Unreachable, match="the response is not an image"):
        inspect(named(repository, "1"))


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Callable[[str], Reference]]:
    with private_registry(tmp_path / "private", {"robin": "tulip-garden"}) as served:
        yield lambda tag: Reference(f"{served.address}/hub", tag)


def test_a_missing_credential_helper_is_denied_with_the_way_to_sign_in(private: Callable[[str], Reference]) -> None:
    config = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text('{"credHelpers": {"%s": "of-the-day"}}' % private("1").host)  # noqa: UP031 - braces
    with pytest.raises(Denied) as fault:
        inspect(private("1"))
    assert "credential helper is not on PATH" in fault.value.what
    assert fault.value.hint == "put the folder of docker-credential-of-the-day on PATH"


def test_a_builder_that_nobody_made_is_a_fault_with_the_list() -> None:
    with pytest.raises(ProgramFailed) as fault:
        require_builder("nobody-made-this")
    assert (fault.value.where, fault.value.hint) == ("nobody-made-this", "docker buildx ls")
    require_builder(None)


def test_what_the_engine_does_not_have_is_none() -> None:
    assert local(Reference("registry.test/nobody/has/this", "1")) is None
