"""Images that are signed by the real cosign, and what ``check`` says of their signatures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import world
from tests.support.cli import Result, run_task, sh
from tests.support.hubs import Hub

pytestmark = [pytest.mark.engine, pytest.mark.cosign]
PASSWORD = "tulip-cosign-4731"
VALUES = "hub/values.yaml"
LOG = "--tlog-upload=false"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSIGN_PASSWORD", PASSWORD)
        for name in ("ours", "other"):
            (folder / name).mkdir()
            sh("cosign", "generate-key-pair", cwd=folder / name)
    return folder


@pytest.fixture
def signing(hub: Hub, keys: Path) -> Hub:
    """A hub repository on 3.3.8 that signs with the key beside it."""
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    hub.edit("images/hub/Dockerfile", ":3.2.1", ":3.3.8")
    shutil.copytree(keys / "ours", hub.path, dirs_exist_ok=True)
    settings(hub, sign="cosign.key", verify="cosign.pub", accept=["security-release"])
    return hub


def settings(hub: Hub, **values: object) -> None:
    hub.write("invoke.yaml", f"hub: {json.dumps(values)}\n")
    hub.put(".gitignore", "*.key\n")


def build(hub: Hub, *flags: str, code: int = 0) -> Result:
    done = run_task("build", *flags, cwd=hub.path)
    assert (done.code, PASSWORD in str(done)) == (code, False), done
    return done


def pinned(hub: Hub) -> str:
    """Return the image that the values name, without its host."""
    image = world.data(hub.read(VALUES))["jupyterhub"]["hub"]["image"]
    return f"{image['name']}:{image['tag']}".partition("/")[2]


def images(hub: Hub) -> dict[str, str]:
    """Return the digests of what the hub's registry has of it, by ``repository:tag``."""
    address, _, path = hub.prefix.partition("/")
    return world.images_in(address, path)


def signatures(hub: Hub) -> dict[str, str]:
    """Return the manifests of signatures by the digests that they sign."""
    return {
        image.rpartition(":")[2].removesuffix(".sig").replace("-", ":"): digest
        for image, digest in images(hub).items()
        if image.endswith(".sig")
    }


def problems(hub: Hub) -> Any:  # noqa: ANN401 - the JSON that it prints
    told = run_task("check", "--json", cwd=hub.path).json
    assert [one for one in told["not_checked"] if "cosign" in one["message"]] == []
    found = [(one["code"], one["path"], one["hint"]) for one in told["problems"]]
    return [one for one in found if one[0] not in ("security-release", "values-tag-stale")]


def test_an_image_is_signed_once_it_is_verified_and_before_the_values_name_it(signing: Hub) -> None:
    name = f"{signing.prefix}hub"
    plan = build(signing, "--dry").out
    order = [plan.index(words) for words in (f"* build and push {name}", f"* sign {name}", VALUES)]
    assert order == sorted(order)
    log = run_task("--dry", "build", cwd=signing.path, env={"INVOKE_HUB_PUBLIC_LOG": "true"})
    assert "cosign sign --recursive --yes --tlog-upload=true --key cosign.key" in log.out
    build(signing)
    (digest,) = (digest for image, digest in images(signing).items() if image == pinned(signing))
    assert [*signatures(signing)] == [digest]
    sh("cosign", "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", f"{name}@{digest}", cwd=signing.path)
    signing.commit("Use the image")
    assert problems(signing) == []
    before = images(signing)
    assert "sign" not in build(signing).err
    assert images(signing) == before


def test_an_image_that_is_retagged_keeps_its_signature(signing: Hub) -> None:
    build(signing)
    signing.commit("Use the image")
    before = signatures(signing)
    signing.git("commit", "--quiet", "--amend", "--no-edit", "--date=2026-01-01T00:00:00", "--", VALUES)
    signing.git("checkout", "--quiet", "--orphan", "squashed")
    signing.commit("Set up the hub (#1)")
    done = build(signing)
    assert "retagged from " in done.out
    assert "sign" not in done.err
    assert signatures(signing) == before


def test_an_image_that_is_there_is_signed_when_a_key_is_set_and_again_with_another_key(
    signing: Hub, keys: Path
) -> None:
    settings(signing, verify="cosign.pub")
    build(signing)
    signing.commit("Use the image")
    (unsigned,) = problems(signing)
    name, _, tag = pinned(signing).rpartition(":")
    digest = images(signing)[f"{name}:{tag}"]
    assert unsigned[:2] == ("unsigned", VALUES)
    assert unsigned[2].startswith("cosign sign --recursive --key KEY ")
    assert unsigned[2].endswith(f"{name}@{digest}")
    settings(signing, sign="cosign.key", verify="cosign.pub")
    assert problems(signing) == [("unsigned", VALUES, "invoke build")]
    values = signing.read(VALUES)
    build(signing)
    assert (problems(signing), signing.read(VALUES)) == ([], values)
    shutil.copytree(keys / "other", signing.path, dirs_exist_ok=True)
    signing.commit("Take another key")
    assert problems(signing) == [("wrong-signature", VALUES, "find out who signed it, then: invoke build")]
    build(signing)
    assert problems(signing) == []


def test_an_index_and_what_it_holds_are_signed(signing: Hub) -> None:
    settings(signing)
    build(signing)
    signing.commit("Use the image")
    image = world.data(signing.read(VALUES))["jupyterhub"]["hub"]["image"]
    reference = f"{image['name']}:{image['tag']}"
    single = images(signing)[pinned(signing)]
    sh("docker", "buildx", "imagetools", "create", "--tag", reference, reference, cwd=signing.path)
    index = images(signing)[pinned(signing)]
    settings(signing, sign="cosign.key", verify="cosign.pub")
    sign = ("cosign", "sign", "--yes", LOG, "--key", "cosign.key")
    sh(*sign, f"{image['name']}@{index}", cwd=signing.path)
    # The index alone is not enough.
    assert [one[0] for one in problems(signing)] == ["unsigned"]
    build(signing)
    assert {*signatures(signing)} == {index, single}
    assert problems(signing) == []


def test_a_wrong_password_leaves_the_values_as_they_are(signing: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong")
    values = signing.read(VALUES)
    error, hint = world.fault(build(signing, code=3))
    assert "decryption failed" in error
    assert f"cosign sign --recursive --yes {LOG} --key cosign.key " in hint
    assert signing.read(VALUES) == values
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)
    assert "build and push" not in build(signing).err
    assert signatures(signing) != {}


def test_keys_that_are_no_pair(signing: Hub, keys: Path) -> None:
    shutil.copytree(keys / "other", signing.path / "other")
    settings(signing, sign="cosign.key", verify="other/cosign.pub")
    values = signing.read(VALUES)
    error, hint = world.fault(build(signing, code=1))
    assert error.startswith("the signature that was made cannot be verified with other/cosign.pub (")
    assert hint == "hub.verify must be the public key of hub.sign: see cosign public-key --key KEY"
    assert signing.read(VALUES) == values


def test_a_key_or_password_that_is_missing_is_seen_in_the_plan(signing: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    key = (
        "the signing key does not exist (no.key)",
        "get it from who signs; or, for a first key: cosign generate-key-pair",
    )
    public = ("the public key does not exist (hub.verify: alone.pub)", "cosign public-key --key KEY >alone.pub")
    plain = ("the public key does not exist (hub.verify: signer.pub)", "cosign public-key --key KEY >signer.pub")
    (signing.path / "signer").write_bytes((signing.path / "cosign.key").read_bytes())
    (signing.path / "cosign.key").rename(signing.path / "alone.key")
    for pair, told in (
        ({"sign": "no.key", "verify": "cosign.pub"}, key),
        ({"sign": "alone.key"}, public),
        ({"sign": "signer"}, plain),
    ):
        settings(signing, **pair)
        assert world.fault(run_task("build", cwd=signing.path)) == told
    assert images(signing) == {}

    (signing.path / "alone.key").rename(signing.path / "cosign.key")
    settings(signing, sign="cosign.key", verify="cosign.pub")
    monkeypatch.delenv("COSIGN_PASSWORD")
    error, hint = world.fault(run_task("--dry", "build", cwd=signing.path))
    assert error == "COSIGN_PASSWORD is not set, and cosign.key needs it (hub.sign)"
    assert hint.startswith("read -rs COSIGN_PASSWORD && export COSIGN_PASSWORD; ")


def test_check_without_cosign(signing: Hub, request: pytest.FixtureRequest) -> None:
    settings(signing, verify="cosign.pub")
    build(signing)
    signing.commit("Use the image")
    docker = str(shutil.which("docker"))
    (request.getfixturevalue("programs") / "docker").symlink_to(docker)
    told = run_task("check", "--json", cwd=signing.path).json
    (unchecked,) = (one for one in told["not_checked"] if "signature" in one["message"])
    assert unchecked["message"].endswith(": cosign is not installed")
    assert unchecked["hint"].startswith("install cosign, for signatures: https://")
