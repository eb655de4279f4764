"""What makes an image another one: seen by the hash of its inputs, without a registry or an engine."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.image.inputs import inputs_hash, require_buildable, write_files
from tasks.image.tree import Tree
from tests.support.calls import opened, raised
from tests.support.cli import sh
from tests.support.hubs import Hub, make_hub, make_repository

SECOND = 'extraBuildCommandOptions: ["--build-context=shared=shared"]'


@pytest.fixture
def repository(tmp_path: Path) -> Hub:
    hub = make_hub(tmp_path / "hub")
    hub.edit("chartpress.yaml", "        valuesPath:", f"        paths: [extra]\n        {SECOND}\n        valuesPath:")
    for name in ("shared/lib.py", "extra/list.txt", "elsewhere/x.txt"):
        hub.write(name, "one\n")
    hub.commit("Take more")
    return hub


def hash_of(repository: Hub, base: str = "sha256:1", platform: str = "linux/amd64") -> str:
    hub = opened(repository)
    return inputs_hash(hub, hub.images[0], Tree(hub.git, "HEAD"), base, platform)


def write(name: str, text: str) -> Callable[[Hub], None]:
    return lambda hub: hub.write(name, text)


def make_executable(hub: Hub) -> None:
    (hub.path / "images/hub/requirements.txt").chmod(0o755)


def test_a_context_that_gives_the_image_no_new_tag_does_not_count(repository: Hub) -> None:
    repository.change("chartpress.yaml", "        paths:", "        rebuildOnContextPathChanges: false\n        paths:")
    before = hash_of(repository)
    repository.put("images/hub/notes.txt", "new\n")
    assert hash_of(repository) == before
    repository.put("extra/list.txt", "two\n")
    assert hash_of(repository) != before


def test_each_file_that_a_builder_gets_and_how_it_is_written_counts_and_no_other(repository: Hub) -> None:
    hashes = [hash_of(repository)]
    for change in (
        write("images/hub/requirements.txt", "another\n"),
        write("images/hub/new.txt", "new\n"),
        write("images/hub/.dockerignore", "*\n"),
        write("images/hub/Dockerfile.dockerignore", "*\n"),
        write("shared/lib.py", "two\n"),
        write("extra/list.txt", "two\n"),
        write("images/hub/.gitattributes", "*.txt text eol=crlf\n"),
        write("images/.gitattributes", "*.txt text eol=crlf\n"),
        write(".gitattributes", "*.txt text eol=crlf\n"),
        make_executable,
    ):
        change(repository)
        repository.commit("Change it")
        hashes.append(hash_of(repository))
    assert len({*hashes}) == len(hashes)
    for name in ("elsewhere/x.txt", "elsewhere/.gitattributes", "README"):
        repository.put(name, "* -text\n")
        assert hash_of(repository) == hashes[-1], name


def test_the_base_image_and_the_platform_count(repository: Hub) -> None:
    hashes = {hash_of(repository, base=base) for base in ("sha256:1", "sha256:2")}
    assert len({*hashes, hash_of(repository, platform="linux/arm64")}) == 3


def test_the_revision_of_a_submodule_among_the_paths_counts(repository: Hub, tmp_path: Path) -> None:
    sub = make_repository(tmp_path / "sub", {"list.txt": "one\n"})
    repository.git("rm", "--quiet", "-r", "extra")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub.path), "extra")
    repository.commit("Take it from elsewhere")
    before = hash_of(repository)
    sub.put("list.txt", "two\n")
    sh("git", "pull", "--quiet", cwd=repository.path / "extra")
    repository.commit("Follow")
    assert hash_of(repository) != before


def test_an_image_in_a_submodule_is_refused_with_what_to_do(repository: Hub, tmp_path: Path) -> None:
    sub = make_repository(tmp_path / "sub", {"ctx/Dockerfile": repository.read("images/hub/Dockerfile")})
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub.path), "sub")
    repository.edit("chartpress.yaml", "        valuesPath:", "        contextPath: sub/ctx\n        valuesPath:")
    repository.commit("Take the image from elsewhere")
    hub = opened(repository)
    assert raised(Refused, require_buildable, hub, hub.images[0], Tree(hub.git, "HEAD")) == (
        "error: the build context is in the submodule sub (sub/ctx)\n"
        "hint: move the Dockerfile and its folder into this repository; other files may stay in sub"
    )


def test_a_files_time_tells_its_content_so_that_a_builder_gets_only_what_has_changed(
    repository: Hub, tmp_path: Path
) -> None:
    def times(name: str) -> dict[str, int]:
        hub = opened(repository)
        write_files(hub, hub.images, Tree(hub.git, "HEAD"), tmp_path / name)
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name).as_posix(): path.stat().st_mtime_ns for path in files}

    before = times("before")
    assert times("again") == before
    repository.write("shared/lib.py", "two\n")  # as many bytes as before
    repository.commit("Change one file")
    after = times("after")
    assert [name for name in after if after[name] != before[name]] == ["shared/lib.py"]
    assert {time.gmtime(moment // 10**9).tm_year for moment in after.values()} <= {*range(1980, 2011)}


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize 4\n"


def test_a_file_that_git_lfs_has_elsewhere_is_the_file_or_refused(repository: Hub, tmp_path: Path) -> None:
    repository.write(".gitattributes", "*.bin filter=lfs -text\n")
    repository.write("images/hub/model.bin", POINTER)
    repository.commit("Add a model, on a machine without git-lfs")
    hub = opened(repository)
    (image,), tree, without = hub.images, Tree(hub.git, "HEAD"), tmp_path / "without"
    for refuse in (partial(require_buildable, hub, image, tree), partial(write_files, hub, [image], tree, without)):
        error, _ = raised(Refused, refuse).splitlines()
        assert error.startswith("error: Git LFS is not set up: ")
        assert error.endswith(" (images/hub/model.bin)")
    repository.git("config", "filter.lfs.smudge", "cat >/dev/null; echo real")  # a STAND-IN for git-lfs
    require_buildable(hub, image, tree)
    write_files(hub, [image], tree, tmp_path / "with")
    assert (tmp_path / "with/images/hub/model.bin").read_text() == "real\n"
