import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.rehearsal.stage import port_of
from tests.support.cli import run, run_task, sh, succeed
from tests.support.engine import in_local_store
from tests.support.helm import HelmServer
from tests.support.hubs import make_hub
from tests.support.processes import serves, wait_until
from tests.support.scene import CHARTPRESS, DOCKERFILE, VALUES, Scene
from tests.support.world import fault, files_in, in_registry

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
NOT_COMMITTED = (
    "NOT YET: invoke release would be refused: the file has uncommitted changes besides the release's "
    "(images/hub/Dockerfile)"
)
OUT_OF_REACH = "registry.invalid/jupyterhub/k8s-hub"


def test_a_rehearsal_releases_for_a_remote_and_a_registry_of_its_own_and_shows_it(scene: Scene) -> None:
    # The working tree counts as it stands.
    scene.hub.write("images/hub/extra.txt", "not committed\n")
    scene.hub.edit(DOCKERFILE, "RUN pip install", "COPY extra.txt /srv/\nRUN pip install")
    before, git_folder = scene.world(), files_in(scene.hub.path / ".git")
    place = scene.folder / "a place"
    place.mkdir()
    result = succeed("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(place)})
    assert (scene.world(), files_in(scene.hub.path / ".git")) == (before, git_folder)

    assert f"{NOT_COMMITTED}; commit them, " in result.out
    assert f"{NOT_COMMITTED}; commit them, " in result.err
    kept, *rows = result.err.splitlines()[-4:]
    folder, remote = Path(kept.removeprefix("Kept: ")), Path(kept.removeprefix("Kept: ")) / "remote.git"
    shown = {row[:13].strip(): row[13:].strip() for row in rows}
    assert list(shown) == ["its commits", "its images", "remove it"]
    commits = run("sh", "-c", shown["its commits"], cwd=scene.folder)
    assert commits.out.count("\n+    version: 3.3.8\n") == 1, commits

    # What it made.
    image = next(line for line in result.out.splitlines() if line.endswith(": built, pushed, verified")).split(": ")[0]
    repository, _, tag = image.rpartition(":")
    subjects = sh("git", "log", "--pretty=%s", f"main..{BRANCH}", cwd=remote).splitlines()
    assert subjects == [f"Use hub image {tag}", "Move z2jh from 3.2.1 to 3.3.8"]
    assert sh("git", "show", f"{BRANCH}:images/hub/extra.txt", cwd=remote) == "not committed"
    values = sh("git", "show", f"{BRANCH}:{VALUES}", cwd=remote)
    assert f"      name: {repository}\n      tag: {tag}\n" in values
    port = port_of(folder)
    assert port
    with serving(shown["its images"], port):
        pushed = in_registry(image)["image"]
    assert (pushed["os"], pushed["architecture"]) == ("linux", "amd64")
    assert run("sh", "-c", shown["remove it"], cwd=scene.folder).code == 0
    assert not folder.exists()


@contextmanager
def serving(command: str, port: int) -> Iterator[None]:
    """Run a command that serves a registry, from when it answers to the end of the block."""
    with subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: server.poll() is not None or serves(port))
            yield
        finally:
            server.terminate()


def test_what_cannot_be_reached_is_stood_in_for_and_loudly_so(tmp_path: Path) -> None:
    hub = make_hub(
        tmp_path / "hub", base=OUT_OF_REACH, registry="registry.invalid", chart_repository="http://127.0.0.1:1/"
    )
    result = succeed("rehearse", cwd=hub.path)
    notes = [
        "STAND-IN: the charts come with hubpress, not from http://127.0.0.1:1/: connection refused",
        f"STAND-IN: {OUT_OF_REACH}:3.3.8 is not z2jh's image, it was made here for the rehearsal",
    ]
    assert result.err.splitlines()[:2] == notes
    assert result.out.splitlines()[-3:-1] == notes
    assert run("docker", "image", "inspect", f"{OUT_OF_REACH}:3.3.8", cwd=tmp_path).code != 0


def test_an_image_that_was_pulled_is_used_unless_it_is_a_stand_in_or_one_is_wanted(
    tmp_path: Path, mirror: str, helm_repository: HelmServer
) -> None:
    base = f"registry.invalid/{secrets.token_hex(4)}/k8s-hub"
    hub = make_hub(tmp_path / "hub", base=base, chart_repository=helm_repository.url)
    with in_local_store(f"{base}:3.3.8", f"{mirror}:3.3.8"):
        ours = sh("docker", "image", "inspect", "--format={{.ID}}", f"{base}:3.3.8", cwd=tmp_path)
        used = succeed("rehearse", "--json", cwd=hub.path).json
        stood_in = succeed("rehearse", "--stand-in-base", "--json", cwd=hub.path).json
        assert sh("docker", "image", "inspect", "--format={{.ID}}", f"{base}:3.3.8", cwd=tmp_path) == ours
    with in_local_store(f"{base}:3.3.8", f"{mirror}:3.3.8", is_stand_in=True):
        told = succeed("rehearse", "--json", cwd=hub.path).json
    assert (used["stand_ins"], len(stood_in["stand_ins"])) == ([], 1)
    assert told["stand_ins"] == [f"STAND-IN: {base}:3.3.8 is not z2jh's image, it was made here for the rehearsal"]


@pytest.mark.parametrize("engine", ["buildx", "chartpress"])
def test_hub_images_of_two_names_in_one_dockerfile_are_both_stood_in_for(
    tmp_path: Path, helm_repository: HelmServer, engine: str
) -> None:
    hub = make_hub(tmp_path / "hub", base=OUT_OF_REACH, chart_repository=helm_repository.url)
    first, last = f"FROM {OUT_OF_REACH}:3.2.1 AS full\n", f"FROM {OUT_OF_REACH}-slim:3.2.1\n"
    hub.put(DOCKERFILE, f"{first}{last}COPY --from=full /etc/passwd /srv/\n")
    told = succeed("rehearse", "--engine", engine, "--json", cwd=hub.path).json
    assert [one.split()[1] for one in told["stand_ins"]] == [f"{OUT_OF_REACH}-slim:3.3.8", f"{OUT_OF_REACH}:3.3.8"]
    assert told["images"][0]["status"] == "built"


def test_chartpress_builds_on_what_stands_in_too(tmp_path: Path, helm_repository: HelmServer) -> None:
    hub = make_hub(tmp_path / "hub", base=OUT_OF_REACH, chart_repository=helm_repository.url)
    hub.edit(DOCKERFILE, f"FROM {OUT_OF_REACH}:3.2.1", f"ARG VERSION\nFROM {OUT_OF_REACH}:${{VERSION}}")
    hub.change(CHARTPRESS, "      hub:\n", "      hub:\n        buildArgs: {VERSION: 3.2.1}\n")
    told = succeed("rehearse", "--engine", "chartpress", "--json", cwd=hub.path).json
    (image,) = told["images"]
    base = {"image": f"{OUT_OF_REACH}:3.3.8", "digest": None, "inherited": True}
    assert (image["status"], image["base"]) == ("built", base)
    assert "stand-in" not in told["diff"]


def test_a_base_image_that_is_pinned_by_its_digest_is_stood_in_for_too(scene: Scene) -> None:
    base, digest = scene.base, in_registry(f"{scene.base}:3.2.1")["manifest"]["digest"]
    scene.hub.change(DOCKERFILE, ":3.2.1", f":3.2.1@{digest}")
    told = succeed("rehearse", "--stand-in-base", "--json", cwd=scene.hub.path).json
    assert (len(told["stand_ins"]), told["images"][0]["base"]["inherited"]) == (1, True)
    assert f"+FROM {base}:3.3.8@sha256:" in told["diff"]


@pytest.mark.parametrize(
    ("change", "version", "code"),
    [
        (None, "9.9.9", 1),
        ((CHARTPRESS, "    imagePrefix:", "    baseVersion: next\n    imagePrefix:"), "3.3.8", 2),
        ((VALUES, "    image:\n      name:\n      tag:\n", ""), "3.3.8", 2),
    ],
    ids=["no such release", "no tag", "no place in the values"],
)
def test_a_dry_rehearsal_refuses_what_a_real_one_refuses(
    scene: Scene, change: tuple[str, str, str] | None, version: str, code: int
) -> None:
    if change:
        scene.hub.change(*change)
    dry, real = (
        run_task(*words, "--to", version, cwd=scene.hub.path) for words in (("--dry", "rehearse"), ("rehearse",))
    )
    assert (dry.code, fault(dry)) == (real.code, fault(real)) == (code, fault(real))


def test_a_rehearsal_that_failed_cannot_be_continued_and_names_what_it_kept(scene: Scene) -> None:
    scene.hub.change(DOCKERFILE, "COPY", "RUN false\nCOPY")
    failed = run_task("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(scene.folder)})
    assert failed.code == 3, failed
    assert "To continue" not in failed.err
    (kept,) = scene.folder.glob("hubpress-kept-*")
    assert f"Kept: {kept}\n  its commits  git -C {kept}/hub log" in failed.err

    shutil.rmtree(kept)
    scene.hub.write("chartpress.yaml", "charts: [\n")
    unreadable = run_task("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(scene.folder)})
    assert (unreadable.code, "its commits" in unreadable.err) == (2, False), unreadable


# -- where the release itself would be refused, or would go another way


def test_a_remote_that_is_not_there_is_pointed_out_where_the_branch_is_pushed(scene: Scene) -> None:
    env = {"INVOKE_HUB_REMOTE": "foo"}
    told = run_task("--dry", "rehearse", "--push", cwd=scene.hub.path, env=env)
    what = "error: there is no remote foo (hub.remote)"
    assert told.err.startswith(f"NOT YET: invoke release would be refused: {what.removeprefix('error: ')}; "), told
    release = run_task("--dry", "release", "--push", cwd=scene.hub.path, env=env)
    assert (release.code, release.err.splitlines()[0]) == (1, what)


def test_in_a_clone_that_is_behind_it_says_where_the_release_starts(scene: Scene) -> None:
    scene.hub.put("notes.txt", "theirs\n")
    scene.hub.git("push", "--quiet")
    scene.hub.git("reset", "--quiet", "--hard", "HEAD~")
    dry = run_task("--dry", "rehearse", cwd=scene.hub.path)
    assert dry.err == "NOT AS HERE: main here is 1 commit behind: a release starts from main as last fetched\n"


def test_a_build_that_fails_on_a_stand_in_says_that_it_is_one(scene: Scene) -> None:
    scene.hub.change(DOCKERFILE, "COPY", "RUN apt-get install -y git && git --version\nCOPY")
    failed = run_task("rehearse", "--stand-in-base", cwd=scene.hub.path)
    assert failed.code == 3
    *_, stand_in, fakes, error, hint = failed.err.splitlines()
    assert stand_in.startswith("STAND-IN: ")
    assert fakes.startswith("NOT INSTALLED: apt-get, pip and python3 in a stand-in do nothing")
    assert (error.partition(":")[0], hint.partition(":")[0]) == ("error", "hint")


def test_the_pull_request_and_the_next_steps_are_told_of_as_the_release_has_them(scene: Scene) -> None:
    scene.hub.git("push", "--quiet", "origin", "main:prod")
    scene.hub.git("remote", "set-url", "origin", "git@gitlab.com:org/hubs.git")
    told = succeed("rehearse", "--stand-in-base", "--pr", "--json", cwd=scene.hub.path).json
    address, _, form = told["pull_request"]["url"].partition("?")
    assert (address, told["pull_request"]["status"]) == ("https://gitlab.com/org/hubs/-/merge_requests/new", "by hand")
    assert "source_branch%5D=bump-z2jh-3.3.8&" in form
    assert "| built on the base image | yes, proved by its layers |\n" in told["pull_request"]["body"]
    assert "After that, open a pull request from main into prod" in told["next_steps"]
