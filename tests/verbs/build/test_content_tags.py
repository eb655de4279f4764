"""Tags of the repository's own making: after the content, or after the chart and the commit."""

import re
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import sh, succeed
from tests.support.fixtures import Hubpress
from tests.support.hubs import FROM_BASE, Hub, Maker
from tests.support.registry import Repository
from tests.support.world import fault, images_in, labels, values_of

pytestmark = pytest.mark.engine

DOCKERFILE = f"{FROM_BASE}ARG WHICH\nCOPY --chown=1000 . /srv\n"
IMAGES = """\
# Ours.
hub:
  valuesPath: jupyterhub.hub.image
  buildArgs: {WHICH: one, OTHER: two}
"""
FILES = {
    ".gitignore": "*.local\n",
    "images/hub/Dockerfile": DOCKERFILE,
    "images/hub/.dockerignore": "*.md\n!KEEP.md\ndrafts\n",
    "images/hub/a.txt": "a\n",
    "images/hub/KEEP.md": "kept\n",
    "images/hub/notes.md": "left out\n",
    "images/hub/drafts/b.txt": "left out\n",
    "images/hub/scripts/start.sh": "#!/bin/sh\n",
}
CONTENT = "hub: {tag: '{chart_version}-{content}'}\n"


@pytest.fixture
def hub(make: Maker) -> Hub:
    """A hub repository whose tags are those of the image's content."""
    made = make(IMAGES, {**FILES, "invoke.yaml": CONTENT})
    (made.path / "images/hub/link").symlink_to("a.txt")
    made.commit("Link")
    return made


def tag_of(hubpress: Hubpress, hub: Hub, *flags: str) -> str:
    shown = hubpress(hub, "--dry", "build", "--json", *flags)
    assert shown.code == 0, shown
    (image,) = shown.json["images"]
    return str(image["tag"])


def test_files_and_arguments_decide_the_tag_and_nothing_else(hub: Hub, hubpress: Hubpress) -> None:
    before = tag_of(hubpress, hub)
    for path in (hub.path / "images/hub").rglob("*"):
        path.touch()
    hub.write("images/hub/settings.local", "git ignores it\n")
    hub.edit("chartpress.yaml", "{WHICH: one, OTHER: two}", "{OTHER: two, WHICH: one}")
    hub.put("docs/index.md", "# Docs\n")
    assert tag_of(hubpress, hub) == before
    hub.write("images/hub/new.txt", "not in git\n")
    new = tag_of(hubpress, hub)
    hub.edit("chartpress.yaml", "WHICH: one", "WHICH: three")
    tags = {before, new, tag_of(hubpress, hub)}
    assert len(tags) == 3
    assert all(re.fullmatch(r"3\.2\.1-\w{12}", tag) for tag in tags)


def test_what_no_commit_takes_of_a_built_image_is_told(hub: Hub, hubpress: Hubpress) -> None:
    told = "! hub has files that are not committed: "
    hub.edit("images/hub/Dockerfile", "3.2.1", "3.3.7")
    assert told not in hubpress(hub, "--dry", "build").out
    hub.write("images/hub/new.txt", "new\n")
    command = "git add -- images/hub/new.txt && git commit -- images/hub/new.txt"
    assert f"{told}{command}\n" in hubpress(hub, "--dry", "build").out


def test_another_clone_has_the_same_tag(hub: Hub, hubpress: Hubpress, tmp_path: Path) -> None:
    sh("git", "clone", "--quiet", "--depth=1", hub.path.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    shallow = type(hub)(tmp_path / "shallow", hub.remote)
    assert shallow.git("rev-parse", "--is-shallow-repository") == "true"
    assert tag_of(hubpress, shallow) == tag_of(hubpress, hub)


def test_several_platforms_are_refused_where_the_engine_cannot_build_them(
    make: Maker, hubpress: Hubpress, prefix: str, registry: Registry
) -> None:
    base = Repository(registry.address, f"{prefix.partition('/')[2]}/k8s-hub")
    base.push_index("3.2.1", base.push("a", "linux/amd64", "a"), base.push("b", "linux/arm64", "b"))
    hub = make(IMAGES, {**FILES, "images/hub/Dockerfile": f"FROM {prefix}/k8s-hub:3.2.1\n", "invoke.yaml": CONTENT})
    both = hubpress(hub, "--dry", "build", "--platform", "linux/amd64,linux/arm64")
    what = "Docker's current builder cannot build for several platforms: its engine has no containerd image store"
    assert (both.code, fault(both)[0]) == (1, f"{what} (docker info)")


def test_a_release_makes_one_commit(hub: Hub, registry: Registry, prefix: str) -> None:
    succeed("release", "--yes", cwd=hub.path)
    assert hub.subjects("origin/main..HEAD")[0] == "Move z2jh from 3.2.1 to 3.3.8"
    assert hub.git("show", "--name-only", "--pretty=").splitlines() == [
        "hub/Chart.yaml",
        "hub/values.yaml",
        "images/hub/Dockerfile",
    ]
    image = values_of(hub)["jupyterhub"]["hub"]["image"]
    assert image["tag"].startswith("3.3.8-")
    assert list(images_in(registry.address, prefix.partition("/")[2])) == [
        f"{prefix.partition('/')[2]}/hub:{image['tag']}"
    ]
    again = succeed("release", "--yes", cwd=hub.path)
    assert "Nothing to do." in again.err


def test_a_dirty_tree_is_built_as_it_lies(hub: Hub, prefix: str) -> None:
    hub.edit("images/hub/Dockerfile", "ARG WHICH\n", "ARG WHICH\nLABEL tree=dirty\n")
    hub.write("images/hub/new.txt", "not in git\n")
    succeed("build", cwd=hub.path)
    image = values_of(hub)["jupyterhub"]["hub"]["image"]
    found = labels(f"{prefix}/hub:{image['tag']}")
    assert found["tree"] == "dirty"
    assert "org.opencontainers.image.revision" not in found
