"""The proof: the registry's answer, held against what the image must be."""

from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.core.names import Reference
from tasks.image.build import Base, base_label, is_of_another_commit, prove, require_platforms
from tasks.image.inputs import INPUTS_LABEL
from tasks.image.tag import name_image
from tasks.tools.registry import FoundImage, PlatformImage
from tests.support.calls import opened, raised
from tests.support.hubs import make_hub

IMAGE = Reference("registry.test/core/hub", "1.2.3")
BASE = Reference("quay.io/jupyterhub/k8s-hub", "4.4.0")
AMD64, ARM64 = "linux/amd64", "linux/arm64"
OF_BOTH = f"{AMD64},{ARM64}"
DIGEST, OTHER_DIGEST, BASE_DIGEST = (f"sha256:{digit * 64}" for digit in "123")


def found(digest: str | None = DIGEST, /, **layers: str) -> FoundImage:
    """Return an image: ``found(amd64="abc")`` has three layers for linux/amd64, ``a`` the lowest."""
    images = {f"linux/{name.replace('_', '/')}": PlatformImage(tuple(text), {}) for name, text in layers.items()}
    return FoundImage(digest, images)


def base(**layers: str) -> Base:
    return Base(BASE, found(BASE_DIGEST, **layers))


@pytest.mark.parametrize(
    ("image", "its_base", "wanted"),
    [
        (found(amd64="abcde"), base(amd64="abc", arm64="xyz"), AMD64),
        (found(amd64="abc"), base(amd64="abc"), AMD64),
        (found(amd64="abcd", arm64="xyzq"), base(amd64="abc", arm64="xyz"), OF_BOTH),
        (found(arm64="xyzq"), base(arm64="xyz"), "linux/arm64/v8"),
        (found(arm_v7="xyzq"), base(arm_v7="xyz"), "linux/arm/v7"),
    ],
)
def test_an_image_is_proved(image: FoundImage, its_base: Base, wanted: str) -> None:
    assert prove(IMAGE, image, its_base, wanted, DIGEST) == image


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (f"{BASE}@{BASE_DIGEST}", "quay.io/jupyterhub/k8s-hub:4.4.0"),
        (f"quay.io/jupyterhub/k8s-hub@{BASE_DIGEST}", "quay.io/jupyterhub/k8s-hub"),
        ("jupyterhub/k8s-hub", "docker.io/jupyterhub/k8s-hub:latest"),
    ],
)
def test_a_label_names_the_base_image_also_where_its_from_has_no_tag(written: str, label: str) -> None:
    """``:None`` was no tag of it."""
    assert base_label(Reference.parse(written)) == label


NOT_THERE = ("the registry does not have the image that was pushed", "invoke build")
OTHER_BASE = (
    f"the image is not built on {BASE}",
    "commit a change of the image's files for a new tag, or rebuild this one: invoke build --force",
)
MOVED = (
    f"the tag was moved after the push: it names {OTHER_DIGEST}, {DIGEST} was pushed",
    "find out who pushes this tag, then: invoke build --force",
)


def made_for(platforms: str, missing: str, wanted: str) -> tuple[str, str]:
    """Return the fault of an image for other platforms than wanted."""
    what = f"the image is for {platforms}, not for {missing}"
    return what, f"rebuild it for the right platform: invoke build --force --platform {wanted}"


ON_ABC, BOTH = base(amd64="abc"), base(amd64="abc", arm64="abc")
REFUSED = {
    "it is not there": (None, ON_ABC, AMD64, NOT_THERE),
    "only the engine has it": (found(None, amd64="abcd"), ON_ABC, AMD64, NOT_THERE),
    "its tag was moved after the push": (found(OTHER_DIGEST, amd64="abcd"), ON_ABC, AMD64, MOVED),
    "it is for another platform": (found(arm64="abcd"), BOTH, AMD64, made_for(ARM64, AMD64, AMD64)),
    "it is for one of two platforms": (found(amd64="abcd"), BOTH, OF_BOTH, made_for(AMD64, ARM64, OF_BOTH)),
    "it is for no platform": (found(), ON_ABC, AMD64, made_for("no platform at all", AMD64, AMD64)),
    "it has another base": (found(amd64="abXde"), ON_ABC, AMD64, OTHER_BASE),
    "it has fewer layers than its base": (found(amd64="ab"), ON_ABC, AMD64, OTHER_BASE),
    "its base's layers are not the lowest": (found(amd64="dabc"), ON_ABC, AMD64, OTHER_BASE),
    "it has the base of another platform": (found(amd64="xyzd"), base(amd64="abc", arm64="xyz"), AMD64, OTHER_BASE),
    "its base is not there for its platform": (found(amd64="abcd"), base(arm64="abc"), AMD64, OTHER_BASE),
    "a base without a layer proves nothing": (found(amd64="abcd"), base(amd64=""), AMD64, OTHER_BASE),
}


@pytest.mark.parametrize(("image", "its_base", "wanted", "told"), REFUSED.values(), ids=REFUSED)
def test_an_image_is_refused_because(
    image: FoundImage | None, its_base: Base, wanted: str, told: tuple[str, str]
) -> None:
    what, hint = told
    said = f"error: {what} ({IMAGE})\nhint: {hint}"
    assert raised(Refused, prove, IMAGE, image, its_base, wanted, DIGEST) == said


def test_a_base_that_is_not_there_for_the_platform_is_refused_before_a_build() -> None:
    assert raised(Refused, require_platforms, base(amd64="abc", arm64="xyz"), f"{ARM64}/v8,linux/s390x") == (
        "error: the base image is not available for linux/s390x, only for linux/amd64, linux/arm64 "
        "(quay.io/jupyterhub/k8s-hub:4.4.0)\nhint: name another platform: --platform, or hub.platform in invoke.yaml"
    )
    require_platforms(base(amd64="abc", arm64="xyz"), f"{ARM64}/v8,{AMD64}")


def test_labels_that_an_image_has_from_its_base_say_nothing_about_it(tmp_path: Path) -> None:
    """As where chartpress builds on an image that this program has built."""
    hub = opened(make_hub(tmp_path / "hub"))
    name, theirs = name_image(hub, hub.images[0]), {INPUTS_LABEL: "1", "org.opencontainers.image.revision": "2"}
    its_base, image = (FoundImage(digest, {AMD64: PlatformImage((), theirs)}) for digest in (BASE_DIGEST, DIGEST))
    other_base = FoundImage(OTHER_DIGEST, {AMD64: PlatformImage((), {INPUTS_LABEL: "3"})})
    assert [is_of_another_commit(hub, image, name, one) for one in (its_base, other_base)] == [False, True]
