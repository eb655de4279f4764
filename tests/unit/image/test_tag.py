"""The tag is chartpress's: the same clone, asked by chartpress itself and by ours."""

import os
import re
import time
from itertools import count
from pathlib import Path

import pytest

from tasks.core.faults import Refused, Unusable
from tasks.core.settings import CHARTPRESS as CHARTPRESS_TAGS
from tasks.core.settings import Settings
from tasks.image.tag import fill_template, name_image
from tasks.repo.hub import Hub, open_hub
from tasks.tools.git import Git
from tests.support.calls import raised
from tests.support.cli import run, run_module, sh
from tests.support.hubs import Hub as Clone
from tests.support.hubs import make_repository

FILES = {
    "image": "images/hub/requirements.txt",
    "dockerfile": "images/hub/Dockerfile",
    "second": "images/second/Dockerfile",
    "config": "chartpress.yaml",
    "extra": "shared/certificates.pem",
    "other": "README.md",
}


_GIT = {
    "tag": ("tag",),
    "annotated": ("tag", "--annotate", "--message", "release"),
    "branch": ("switch", "--quiet", "--create"),
    "on": ("switch", "--quiet"),
    "merge": ("merge", "--quiet", "--no-ff", "--no-edit"),
    "detach": ("switch", "--quiet", "--detach"),
}
# Every call of git is a minute after the last one.
MINUTES = count(int(time.time()) // 60 + 1)


# -- the tag is chartpress's


HUB = "hub: {valuesPath: jupyterhub.hub.image}"
SECOND = "second: {valuesPath: second.image}"
CHARTPRESS = """\
charts:
  - name: hub
    imagePrefix: registry.test/core/
BASE_VERSION    images:
IMAGES"""
DOCKERFILE = "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"


def files(*images: str, base_version: str = "") -> dict[str, str]:
    """Return a hub repository's files; ``images`` are lines of chartpress.yaml."""
    base = f"    baseVersion: {base_version}\n" if base_version else ""
    lines = "".join(f"      {image}\n" for image in images or (HUB,))
    dependency = "dependencies: [{name: jupyterhub, version: 3.2.1, repository: https://charts.test/}]\n"
    return {
        "chartpress.yaml": CHARTPRESS.replace("BASE_VERSION", base).replace("IMAGES", lines),
        "hub/Chart.yaml": "name: hub\nversion: 0.0.1\n",
        "hub/requirements.yaml": dependency,
        "hub/values.yaml": "jupyterhub: {hub: {image: {name: , tag: }}}\nsecond: {image: {name: , tag: }}\n",
        "images/hub/Dockerfile": DOCKERFILE,
        "images/second/Dockerfile": DOCKERFILE,
    }


def drawn(folder: Path, history: str = "", has: dict[str, str] | None = None, root: str = "") -> Clone:
    """Make a clone with these files in its first commit, and draw the words of ``history``.

    One of ``FILES`` is a commit that touches that file below ``root``; the others are git's: ``tag=1.2.3``,
    ``annotated=1.2.3``, ``branch=side``, ``on=main``, ``merge=side``, ``detach``.
    """
    clone = make_repository(folder / "clone", {f"{root}{name}": text for name, text in (has or files()).items()})
    for word in history.split():
        verb, _, name = word.partition("=")
        commands = [(*_GIT.get(verb, ()), *filter(None, [name]))]
        if verb in FILES:
            path = clone.path / root / FILES[verb]
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as file:
                file.write("# touched\n")
            commands = [("add", "--all"), ("commit", "--quiet", "--message", verb)]
        for command in commands:
            date = f"{next(MINUTES) * 60} +0000"
            done = run("git", *command, cwd=clone.path, env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
            assert done.code == 0, done
    return clone


def open_at(folder: Path, *, tag: str = CHARTPRESS_TAGS) -> Hub:
    return open_hub(Settings(tag=tag), Git.around(folder))


def our_tags(hub: Hub) -> list[str]:
    return [f"{image.spec.name}:{name_image(hub, image).tag}" for image in hub.images]


def chartpress_lists(folder: Path) -> list[str]:
    listed = run_module("chartpress", "--list-images", cwd=folder, env=os.environ)
    assert listed.code == 0, listed
    return listed.out.splitlines()


# The clone's first commit, which has the image, comes before each of these.
HISTORIES = {
    "a first commit": "",
    "an image changed long ago": "image other other other other",
    "after the image, chartpress.yaml changed": "image config other",
    "on a tag of another commit than the image's": "image other tag=1.2.3",
    "after a tag, only other files changed": "image tag=1.2.3 other other",
    "after a tag, the image changed": "tag=1.2.3 other image other",
    "after a v tag": "tag=v1.2.3 image",
    "after a pre-release tag": "tag=1.2.3-beta.1 image",
    "after a deployment's tag": "tag=20240731-224556 image",
    "after a tag that is a word": "tag=released image",
    "two tags on one commit, the annotated one wins": "tag=1.0.0 annotated=1.1.0 image",
    "a tag on another branch": "branch=side other tag=9.0.0 on=main image",
    "a merged change beside one of our own": "branch=side image on=main dockerfile merge=side other",
    "a merged tag, the image changed beside it": "branch=side other tag=1.2.3 on=main image merge=side",
    "a detached HEAD": "tag=1.2.3 image detach",
}
VALUES = "valuesPath: jupyterhub.hub.image"
ELSEWHERE = "contextPath: images/second, dockerfilePath: images/hub/Dockerfile"
BESIDE = {
    "several images, one changed": (files(HUB, SECOND), "image other second other"),
    "paths that decide besides the context": (files(f"hub: {{paths: [shared], {VALUES}}}"), "image extra other"),
    "a context that does not decide": (
        files(f"hub: {{rebuildOnContextPathChanges: false, {VALUES}}}"),
        "dockerfile image other",
    ),
    "a context and a Dockerfile elsewhere": (files(f"hub: {{{ELSEWHERE}, {VALUES}}}"), "image second dockerfile image"),
    "a baseVersion, after a tag": (files(base_version="1.3.0-0.dev"), "tag=1.2.3 image"),
    "a baseVersion, after a pre-release of it": (files(base_version="1.3.0-alpha.1"), "tag=1.3.0-beta.1 image"),
    "baseVersion major": (files(base_version="major"), "tag=1.2.3 image"),
    "baseVersion patch, after a v tag": (files(base_version="patch"), "tag=v1.2.3 image"),
    "baseVersion patch, after a pre-release": (files(base_version="patch"), "tag=1.2.3-beta.1 image"),
    "charts in a folder below": (files(HUB, SECOND), "config other second tag=1.2.3 image other"),
}
CASES = {**{name: (files(), history) for name, history in HISTORIES.items()}, **BESIDE}


@pytest.mark.parametrize("case", CASES)
def test_the_tag_is_chartpresss(tmp_path: Path, case: str) -> None:
    has, history = CASES[case]
    root = "helm-charts/" if "folder below" in case else ""
    clone = drawn(tmp_path, history, has, root)
    assert our_tags(open_at(clone.path)) == chartpress_lists(clone.path / root) != []


@pytest.mark.parametrize(
    ("base_version", "history", "what"),
    [
        ("1.3", "image", "baseVersion 1.3 is not a SemVer version"),
        ("1.2.3", "tag=1.2.3 image", "baseVersion 1.2.3-0.dev is not greater than the git tag 1.2.3"),
        ("minor", "tag=20240731-1 image", "baseVersion minor needs a git tag that is SemVer, not 20240731-1"),
    ],
)
def test_a_base_version_that_chartpress_refuses_is_refused(
    tmp_path: Path, base_version: str, history: str, what: str
) -> None:
    clone = drawn(tmp_path, history, files(base_version=f'"{base_version}"'))
    listed = run_module("chartpress", "--list-images", cwd=clone.path, env=os.environ)
    assert (listed.code, listed.out) == (1, "")
    assert raised(Unusable, our_tags, open_at(clone.path)) == (
        f"error: {what} (chartpress.yaml)\nhint: set baseVersion to the next release, for example 1.2.0-0.dev"
    )


@pytest.mark.parametrize("template", ["chartpress", "{commits}"])
def test_a_shallow_clone_is_refused_because_it_counts_wrong(tmp_path: Path, template: str) -> None:
    shallow = tmp_path / "shallow"
    whole = drawn(tmp_path, "image other").path.as_uri()
    sh("git", "clone", "--quiet", "--depth=1", whole, str(shallow), cwd=tmp_path)
    assert raised(Refused, our_tags, open_at(shallow, tag=template)) == (
        f"error: the clone is shallow, so commits cannot be counted ({shallow})\nhint: git fetch --unshallow"
    )


def test_an_image_that_no_commit_has_yet_has_no_tag(tmp_path: Path) -> None:
    hub = open_at(drawn(tmp_path).path)
    (image,) = hub.images
    new = image._replace(spec=image.spec._replace(paths=("images/new", "shared")))
    assert raised(Refused, name_image, hub, new) == (
        "error: no commit has the image's files yet (images/new, shared)\nhint: git add and commit them first"
    )


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("z2jh-{chart_version}-{commit}", "z2jh-3.2.1-COMMIT"),
        ("on-{base_version}.{commits}", "on-3.2.1.2"),
        ("latest", "latest"),
    ],
)
def test_a_tag_template_is_filled_in(tmp_path: Path, template: str, tag: str) -> None:
    clone = drawn(tmp_path, "image other other")
    commit = clone.git("log", "-1", "--pretty=%h", "--", "images/hub")
    hub = open_at(clone.path, tag=template)
    assert our_tags(hub) == [f"registry.test/core/hub:{tag.replace('COMMIT', commit)}"]


NO_TAG = "is not a valid image tag"


@pytest.mark.parametrize(
    ("template", "history", "what"),
    [
        ("{commit", "", "filled in: it may use {chart_version}, {base_version}, {commit}, {commits} (hub.tag)"),
        ("a/{commits}", "", f"'a/1' {NO_TAG}"),
        ("-{commits}", "", f"'-1' {NO_TAG}"),
        (
            *(CHARTPRESS_TAGS, "tag=release/1.0"),
            f"'release/1.0' {NO_TAG} (git describe --tags)\nhint: use another template in invoke.yaml: hub: {{tag: '",
        ),
    ],
)
def test_what_makes_no_tag_is_refused(tmp_path: Path, template: str, history: str, what: str) -> None:
    with pytest.raises((Unusable, Refused), match=re.escape(what)):
        our_tags(open_at(drawn(tmp_path, history).path, tag=template))


# -- templates of names in braces


NAMES = {"TAG": "1.2.3", "LAST_COMMIT": "{TAG}"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("v{TAG}-{TAG}", "v1.2.3-1.2.3"),
        ("{{{TAG}}}", "{1.2.3}"),
        ("${{TAG}} %{{ if }}", "${TAG} %{ if }"),
        ("{LAST_COMMIT}", "{TAG}"),
    ],
)
def test_names_are_filled_in_once(template: str, text: str) -> None:
    assert fill_template(template, NAMES, "here") == text


@pytest.mark.parametrize("template", ["{BRANCHES}", "{}", "{TAG.__class__}", "{TAG!r}", "{TAG:>999999999}", "TAG}"])
def test_what_cannot_be_filled_in_is_refused(template: str) -> None:
    assert raised(Unusable, fill_template, template, NAMES, "here") == (
        f"error: the template {template!r} cannot be filled in: it may use {{TAG}}, {{LAST_COMMIT}} (here)\n"
        "hint: fix it in here"
    )
