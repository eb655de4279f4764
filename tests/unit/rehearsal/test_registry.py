import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.faults import ProgramFailed
from tasks.rehearsal import registry as registry_module
from tasks.rehearsal.registry import forget_images, registry
from tasks.tools.process import find
from tests.support.cli import sh
from tests.support.machine import PROJECT

pytestmark = pytest.mark.engine


def copies_of(address: str) -> set[str]:
    listed = sh("docker", "image", "ls", "--format={{.Repository}}:{{.Tag}}", cwd=PROJECT)
    return {name for name in listed.splitlines() if name.startswith(f"{address}/")}


def test_only_one_registry_s_copies_are_forgotten_those_without_a_tag_too(tmp_path: Path) -> None:
    """A removal that is cut short can leave an image with its digest alone."""
    with registry(tmp_path / "one") as one, registry(tmp_path / "other") as other:
        for served in (one, other):
            push_empty_image(f"{served.address}/lab/hub:1", tmp_path / f"context{served.port}")
        shown = ("--format", "{{json .Manifest}}")
        manifest = sh("docker", "buildx", "imagetools", "inspect", *shown, f"{one.address}/lab/hub:1", cwd=tmp_path)
        forget_images(one.address)
        sh("docker", "pull", f"{one.address}/lab/hub@{json.loads(manifest)['digest']}", cwd=tmp_path)
        assert copies_of(one.address) == {f"{one.address}/lab/hub:<none>"}
        forget_images(one.address)
        assert copies_of(one.address) == set()
        # Its port may have been another registry's, whose images the engine still has.
        assert f"{other.address}/lab/hub:1" in copies_of(other.address)
        forget_images(other.address)


def test_a_registry_is_told_apart_from_one_that_cannot_be_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "find", lambda _: None)
    with pytest.raises(ProgramFailed) as fault, registry(tmp_path):
        pass
    assert str(fault.value) == (
        "error: no registry can run here: docker-registry is not installed, and no Docker engine answers\n"
        "hint: apt-get install docker-registry, or start Docker"
    )


def test_where_it_is_not_installed_a_registry_runs_in_a_container(
    registry_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "REGISTRY_IMAGE", registry_image)
    monkeypatch.setattr(registry_module, "find", lambda name: None if name == "docker-registry" else find(name))
    with registry(tmp_path) as served:
        push_empty_image(f"{served.address}/lab/hub:1", tmp_path / "context")
        assert containers_of(registry_image)
    forget_images(served.address)
    assert (tmp_path / "content" / "docker").is_dir()
    assert not containers_of(registry_image)


@pytest.fixture
def registry_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of this machine's docker-registry that is run as ``registry:2`` is."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed: there is nothing to make the image of")
    folder = tmp_path_factory.mktemp("image")
    linked = [word for word in sh("ldd", program, cwd=folder).split() if word.startswith("/")]
    for file in (program, *linked):
        (folder / "root" / file[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / "root" / file[1:])
    (folder / "Dockerfile").write_text(f'FROM scratch\nCOPY root /\nENTRYPOINT ["{program}"]\n')
    image = f"hubpress-lab-registry:{secrets.token_hex(4)}"
    sh("docker", "buildx", "build", "--quiet", "--load", "--tag", image, ".", cwd=folder)
    yield image
    sh("docker", "image", "rm", image, cwd=folder)


def containers_of(image: str) -> str:
    return sh("docker", "ps", "--all", "--quiet", "--filter", f"ancestor={image}", cwd=PROJECT)


def push_empty_image(image: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nLABEL lab=1\n")
    sh("docker", "buildx", "build", "--quiet", "--push", "--provenance=false", "--tag", image, ".", cwd=folder)
