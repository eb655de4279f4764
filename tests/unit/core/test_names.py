"""Names of images and of platforms, read as Docker reads them; and what Mac and PC get."""

import pytest

from tasks.core.faults import Unusable
from tasks.core.names import Host, Reference

DIGEST = f"sha256:{'0123456789abcdef' * 4}"

# Tag, digest, host and path.
NAMES = {
    "docker.io/jupyterhub/k8s-hub": (None, None, "docker.io", "jupyterhub/k8s-hub"),
    "python:3.12": ("3.12", None, "docker.io", "library/python"),
    "quay.io/jupyterhub/k8s-hub-slim:4.4.0": ("4.4.0", None, "quay.io", "jupyterhub/k8s-hub-slim"),
    "us-central1-docker.pkg.dev/cal-icor-hubs/core/hub:20240731-224556.git.8736.h299c086e": (
        "20240731-224556.git.8736.h299c086e",
        None,
        "us-central1-docker.pkg.dev",
        "cal-icor-hubs/core/hub",
    ),
    "127.0.0.1:5000/hub:1": ("1", None, "127.0.0.1:5000", "hub"),
    "localhost/hub": (None, None, "localhost", "hub"),
    "[::1]:5000/hub:1": ("1", None, "[::1]:5000", "hub"),
    "registry:80/hub": (None, None, "registry:80", "hub"),
    f"quay.io/jupyterhub/k8s-hub@{DIGEST}": (None, DIGEST, "quay.io", "jupyterhub/k8s-hub"),
    f"quay.io/jupyterhub/k8s-hub:4.4.0@{DIGEST}": ("4.4.0", DIGEST, "quay.io", "jupyterhub/k8s-hub"),
    "a/b__c/d-e--f.g_h:_": ("_", None, "docker.io", "a/b__c/d-e--f.g_h"),
    f"x:{'t' * 128}": ("t" * 128, None, "docker.io", "library/x"),
}

NO_NAMES = {
    "nothing": "",
    "a tag alone": ":1",
    "a tag too long by one": f"hub:{'t' * 129}",
    "a tag that begins with a dash": "hub:-1",
    "a plus in the tag": "hub:1+2",
    "an upper-case path": "quay.io/Hub",
    "a blank": "quay.io/my hub:1",
    "a line break at the end": "hub:1\n",
    "two slashes": "quay.io//hub",
    "a slash at the end": "quay.io/hub/",
    "an address": "https://quay.io/hub",
    "three underscores": "a___b",
    "a variable": "quay.io/hub:${VERSION}",
    "a short digest": "hub@sha256:0123",
    "a digest of another kind": f"hub@sha512:{'0' * 128}",
    "an option": "--push",
    "a name with a terminal's control sequence": "hub\x1b[31m:1",
}


@pytest.mark.parametrize(("text", "parts"), NAMES.items(), ids=NAMES)
def test_a_name_is_read_and_written_back(text: str, parts: tuple[str | None, ...]) -> None:
    read = Reference.parse(text)
    assert (read.tag, read.digest, read.host, read.path) == parts
    assert read.name == text.removesuffix(f"@{read.digest}").removesuffix(f":{read.tag}")
    assert str(read) == text


@pytest.mark.parametrize("text", NO_NAMES.values(), ids=NO_NAMES)
def test_no_name_is(text: str) -> None:
    with pytest.raises(Unusable, match=r"is not an image name \(Dockerfile:3\)\nhint: write it as host/path"):
        Reference.parse(text, where="Dockerfile:3")


@pytest.mark.parametrize(
    ("text", "other", "same"),
    [
        ("jupyterhub/k8s-hub:1", "docker.io/jupyterhub/k8s-hub:2", True),
        ("jupyterhub/k8s-hub", "registry-1.docker.io/jupyterhub/k8s-hub", True),
        ("python", "docker.io/library/python", True),
        ("jupyterhub/k8s-hub", "quay.io/jupyterhub/k8s-hub", False),
        ("quay.io/jupyterhub/k8s-hub", "quay.io/jupyterhub/k8s-hub-slim", False),
    ],
)
def test_one_repository_has_several_spellings(text: str, other: str, same: bool) -> None:
    assert Reference.parse(text).same_repository(Reference.parse(other)) is same


# -- what Mac and PC get: the contract's table, row by row


MAC_SILICON = Host("darwin", "arm64")
MAC_INTEL = Host("darwin", "x86_64")
PC = Host("linux", "x86_64")
ARM = Host("linux", "aarch64")
AMD64, ARM64 = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize(
    ("host", "wanted", "argument"),
    [
        pytest.param(MAC_SILICON, AMD64, AMD64, id="Mac with Apple silicon"),
        pytest.param(MAC_INTEL, AMD64, AMD64, id="Mac with an Intel processor"),
        pytest.param(PC, AMD64, None, id="PC: native, no --platform"),
        pytest.param(Host("linux", "AMD64"), AMD64, None, id="PC under WSL, spelled as Windows does"),
        pytest.param(ARM, AMD64, AMD64, id="Linux on Arm: as the Mac"),
        pytest.param(MAC_SILICON, ARM64, ARM64, id="hub.platform says Arm, Mac"),
        pytest.param(ARM, ARM64, None, id="hub.platform says Arm, Linux on Arm: native"),
    ],
)
def test_the_build_arguments_of(host: Host, wanted: str, argument: str | None) -> None:
    assert host.argument_for(wanted) == argument


def test_a_host_is_named_as_people_do() -> None:
    hosts = (MAC_SILICON, PC, ARM, Host("freebsd14", "amd64"))
    assert [host.title for host in hosts] == ["Mac, arm64", "PC, x86_64", "Linux, aarch64", "freebsd14, amd64"]
