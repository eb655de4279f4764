"""The proof: the registry's answer, held against what the image must be."""

import pytest

from tasks.core.faults import Refused
from tasks.core.names import Reference
from tasks.image.proof import STAND_IN_LABEL, Base, prove, require_platforms
from tasks.tools.registry import FoundImage, PlatformImage

IMAGE = Reference("registry.test/core/hub", "1.2.3")
BASE = Reference("quay.io/jupyterhub/k8s-hub", "4.4.0")
AMD64, ARM64 = "linux/amd64", "linux/arm64"
DIGEST, OTHER_DIGEST, BASE_DIGEST = (f"sha256:{digit * 64}" for digit in "123")


def found(digest: str | None = DIGEST, /, **layers: str) -> FoundImage:
    """Return an image: ``found(amd64="abc")`` has three layers for linux/amd64, ``a`` the lowest."""
    images = {f"linux/{name.replace('_', '/')}": PlatformImage(tuple(text), {}) for name, text in layers.items()}
    return FoundImage(digest, images)


def base(**layers: str) -> Base:
    return Base(BASE, found(BASE_DIGEST, **layers))


def test_an_image_on_its_base_for_its_platform_is_proved() -> None:
    proof = prove(IMAGE, found(amd64="abcde"), base(amd64="abc", arm64="xyz"), AMD64, DIGEST)
    assert (proof.digest, proof.platforms) == (DIGEST, (AMD64,))


@pytest.mark.parametrize(
    ("image", "its_base", "wanted"),
    [
        pytest.param(found(amd64="abc"), base(amd64="abc"), AMD64, id="that adds no layer"),
        pytest.param(found(amd64="abcd", arm64="xyz"), base(amd64="abc"), AMD64, id="for more platforms than wanted"),
        pytest.param(
            found(amd64="abcd", arm64="xyzq"),
            base(amd64="abc", arm64="xyz"),
            f"{AMD64},{ARM64}",
            id="for two platforms, each on its own base",
        ),
        pytest.param(found(arm64="xyzq"), base(arm64="xyz"), "linux/arm64/v8", id="for Arm, spelled with its variant"),
        pytest.param(found(arm_v7="xyzq"), base(arm_v7="xyz"), "linux/arm/v7", id="for an older Arm"),
    ],
)
def test_an_image_is_proved(image: FoundImage, its_base: Base, wanted: str) -> None:
    assert prove(IMAGE, image, its_base, wanted).platforms == tuple(image.platforms)


NOT_THERE = (
    "error: the registry does not have the image that was pushed (registry.test/core/hub:1.2.3)\nhint: invoke build"
)


def made_for(platforms: str, wanted: str) -> str:
    """Return the fault of an image for other platforms than wanted."""
    return (
        f"error: the image is for {platforms}, not for {wanted} (registry.test/core/hub:1.2.3)\n"
        "hint: rebuild it for the right platform: invoke build --force"
    )


BOTH = base(amd64="abc", arm64="abc")
REFUSED = {
    "it is not there": (None, base(amd64="abc"), AMD64, NOT_THERE),
    "only the engine has it": (found(None, amd64="abcd"), base(amd64="abc"), AMD64, NOT_THERE),
    "it is for another platform": (found(arm64="abcd"), BOTH, AMD64, made_for(ARM64, AMD64)),
    "it is for one of two platforms": (found(amd64="abcd"), BOTH, f"{AMD64},{ARM64}", made_for(AMD64, ARM64)),
    "it is for no platform": (found(), base(amd64="abc"), AMD64, made_for("no platform at all", AMD64)),
}
NOT_ITS_BASE = {
    "another base": (found(amd64="abXde"), base(amd64="abc")),
    "an older base, whose first layers are the same": (found(amd64="abde"), base(amd64="abc")),
    "fewer layers than its base": (found(amd64="ab"), base(amd64="abc")),
    "its base's layers, but not the lowest": (found(amd64="dabc"), base(amd64="abc")),
    "the base of another platform": (found(amd64="xyzd"), base(amd64="abc", arm64="xyz")),
    "a base that is not there for its platform": (found(amd64="abcd"), base(arm64="abc")),
    "a base without a layer, which proves nothing": (found(amd64="abcd"), base(amd64="")),
    "no layer at all": (found(amd64=""), base(amd64="abc")),
}


@pytest.mark.parametrize(("image", "its_base", "wanted", "fault"), REFUSED.values(), ids=REFUSED)
def test_an_image_is_refused_because(image: FoundImage | None, its_base: Base, wanted: str, fault: str) -> None:
    with pytest.raises(Refused) as refused:
        prove(IMAGE, image, its_base, wanted)
    assert str(refused.value) == fault


@pytest.mark.parametrize(("image", "its_base"), NOT_ITS_BASE.values(), ids=NOT_ITS_BASE)
def test_an_image_is_refused_that_has(image: FoundImage, its_base: Base) -> None:
    with pytest.raises(Refused) as refused:
        prove(IMAGE, image, its_base, AMD64)
    assert str(refused.value) == (
        "error: the image is not built on quay.io/jupyterhub/k8s-hub:4.4.0 (registry.test/core/hub:1.2.3)\n"
        "hint: commit a change of the image's files for a new tag, or rebuild this one: invoke build --force"
    )


def test_a_tag_that_somebody_moved_after_the_push_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        prove(IMAGE, found(OTHER_DIGEST, amd64="abcd"), base(amd64="abc"), AMD64, DIGEST)
    assert str(refused.value) == (
        f"error: the tag was moved after the push: it names {OTHER_DIGEST}, {DIGEST} was pushed "
        "(registry.test/core/hub:1.2.3)\nhint: find out who pushes this tag, then: invoke build --force"
    )


def test_a_base_that_is_not_there_for_the_platform_is_refused_before_a_build() -> None:
    with pytest.raises(Refused) as refused:
        require_platforms(base(amd64="abc", arm64="xyz"), f"{ARM64}/v8,linux/s390x")
    assert str(refused.value) == (
        "error: the base image is not available for linux/s390x, only for linux/amd64, linux/arm64 "
        "(quay.io/jupyterhub/k8s-hub:4.4.0)\nhint: name another platform: --platform, or hub.platform in invoke.yaml"
    )
    require_platforms(base(amd64="abc", arm64="xyz"), f"{ARM64}/v8,{AMD64}")


def test_a_base_that_only_the_engine_has_is_local_and_a_marked_one_a_stand_in() -> None:
    marked = FoundImage(None, {AMD64: PlatformImage(("a",), {STAND_IN_LABEL: "4.4.0"})})
    assert (Base(BASE, marked).found.digest is None, Base(BASE, marked).is_stand_in) == (True, True)
    assert (base(amd64="a").found.digest is None, base(amd64="a").is_stand_in) == (False, False)
