"""The rules of docs/architecture.md, one test for each, in their order and in their words.

What each of them means in every corner is shown elsewhere; where, a test's comment says.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tasks.core.safe_files import one_run_at_a_time
from tests.support.cli import INVOKE, run, run_on_screen, run_task, sh, succeed
from tests.support.conduct import says
from tests.support.engine import files_of
from tests.support.gcloud import GcloudStandIn
from tests.support.helm import RELEASES, HelmServer
from tests.support.hubs import Hub
from tests.support.machine import PROJECT
from tests.support.processes import write_program
from tests.support.scene import DOCKERFILE, REFUSED, REQUIREMENTS, UNREACHABLE, VALUES, Place, Scene
from tests.support.server import reply, reset
from tests.support.steps import BRANCH, MANAGED, committed_files, squash
from tests.support.traps import BARE, Trap, plant
from tests.support.world import ended, fault

PACKAGES = "images/hub/requirements.txt"


def test_rule_1(hub: Hub, helm_repository: HelmServer) -> None:
    """One lookup, two edits. The chart's release decides both the requirement and the base image. The base image is
    read from the release, never derived from the chart's version.
    """
    # Every shape of release: tests/unit/releases, tests/verbs/bump/test_pins.py.
    newest = RELEASES[0]
    assert newest.image_tag != newest.version
    succeed("bump", "--to", newest.version, cwd=hub.path)
    assert f"version: {newest.version}\n" in hub.read(REQUIREMENTS)
    assert f"FROM {newest.base_image}\n" in hub.read(DOCKERFILE)
    assert helm_repository.requests == ["GET /index.yaml 200"]


def test_rule_2(hub: Hub) -> None:
    """All or nothing per step. Everything is read, checked and computed before the first byte is written. A file is
    replaced by rename, and keeps its mode, its line endings and every byte outside the edited value.
    """
    # Stopped at every point, disks that are full, folders that cannot be written: tests/tools/faults. A helm that
    # fails: tests/verbs/bump/test_lock.py. Edits: tests/unit/repo.
    hub.write(DOCKERFILE, hub.read(DOCKERFILE).replace("\n", "\r\n"))
    (hub.path / DOCKERFILE).chmod(0o755)
    before = hub.snapshot()
    with (hub.path / DOCKERFILE).open("rb") as held:
        succeed("bump", "--to", "3.3.8", cwd=hub.path)
        assert held.read() == before[DOCKERFILE]
    assert hub.snapshot()[DOCKERFILE] == before[DOCKERFILE].replace(b"3.2.1", b"3.3.8")
    assert (hub.path / DOCKERFILE).stat().st_mode & 0o777 == 0o755


def test_rule_3(hub: Hub) -> None:
    """Only our own files, only our own commits. A commit names its paths, and leaves the index, other changes and
    stashes unchanged. A push sends the planned commit to one branch, and no tags.
    """
    # Every state of a clone: tests/verbs/commit/test_refusals.py. What a push sends: tests/verbs/commit/test_push.py.
    hub.git("tag", "--annotate", "--message", "Mine", "mine")
    hub.git("branch", "mine-too")
    hub.edit("hub/Chart.yaml", "Our hub", "Stashed")
    hub.git("stash", "--quiet")
    hub.write("staged.txt", "staged\n")
    hub.git("add", "staged.txt")
    hub.edit("hub/Chart.yaml", "Our hub", "Changed")
    hub.write("untracked.txt", "untracked\n")
    look = ("status", "--porcelain=v2", "--show-stash")
    before = hub.git(*look)
    succeed("bump", "commit", "--push", cwd=hub.path)
    assert committed_files(hub) == MANAGED
    assert hub.git(*look) == before
    sent = "%(refname) %(objectname)"
    assert hub.remote_git("for-each-ref", f"--format={sent}").splitlines() == [
        f"refs/heads/{BRANCH} {hub.git('rev-parse', 'HEAD')}",
        f"refs/heads/main {hub.git('rev-parse', 'main')}",
    ]


@pytest.mark.engine
def test_rule_4(place: Place) -> None:
    """The registry is asked, never guessed. Not found, denied, unreachable and broken are four answers, and only
    the first one means build. An existing tag is never overwritten without `--force`.
    """
    # Every way to misbehave: tests/unit/tools/test_registry.py. Denials: tests/verbs/auth/test_auth.py. A tag that
    # exists, with and without --force: tests/verbs/build/test_builders.py.
    for answer, code, what in (
        (says("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown"), 0, ""),
        (says("403 Forbidden", "DENIED", "no"), UNREACHABLE, "the registry denied access"),
        (reset, UNREACHABLE, "cannot reach the registry"),
        (reply(b"<html>"), UNREACHABLE, "the registry's image is broken"),
    ):
        place.front.rules.clear()
        place.front.answer(place.manifest, answer)
        shown = run_task("--dry", "build", cwd=place.hub.path)
        assert (shown.code, what in shown.err) == (code, True), shown
        assert ("build and push" in shown.out) is (code == 0)


@pytest.mark.engine
def test_rule_5(place: Place) -> None:
    """Values last. Name and tag are written only after the registry has confirmed the image's digest, one manifest
    for the platform, and the base image's layers as its first layers.
    """
    # What must be proved: tests/unit/image/test_proof.py. One manifest for the platform:
    # tests/unit/tools/test_registry.py. A tag that is moved: tests/verbs/build/test_builders.py.
    values = place.hub.read(VALUES)
    seen: list[str] = []

    def ask(_: object) -> None:
        seen.append(place.hub.read(VALUES))

    place.front.answer(f"GET {place.manifest}", ask, after=f"PUT {place.manifest}")
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.read(VALUES)) == (UNREACHABLE, values), done
    assert set(seen) == {values}
    place.front.rules.clear()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.tag in place.hub.read(VALUES)) == (0, True), done


@pytest.mark.engine
def test_rule_6(scene: Scene) -> None:
    """The image is the commit. Builders get a folder that was written from git, as a checkout would write it. The
    working tree is never a build context.
    """
    # Every kind of file, link and submodule: tests/unit/image/test_tree.py. Tags of the content:
    # tests/verbs/build/test_images.py. Cloud Build: tests/verbs/build/test_cloudbuild.py.
    hub = scene.hub
    hub.write(".gitignore", "*.local\n")
    hub.write(DOCKERFILE, f"FROM {scene.base}:3.2.1\nCOPY . /context/\n")
    hub.commit("Copy the context")
    hub.write("images/hub/my.local", "ignored\n")
    hub.git("update-index", "--assume-unchanged", PACKAGES)
    committed = hub.read(PACKAGES)
    hub.write(PACKAGES, "edited where git does not look\n")
    for engine in ("buildx", "chartpress"):
        succeed("build", "--force", "--engine", engine, cwd=hub.path)
        files = {path: text for path, (_, text) in files_of(scene.image).items() if path.startswith("/context/")}
        assert sorted(files) == ["/context/Dockerfile", "/context/requirements.txt"]
        assert files["/context/requirements.txt"] == committed
        sh("docker", "image", "rm", scene.image, cwd=hub.path)


@pytest.mark.engine
def test_rule_7(scene: Scene) -> None:
    """An action says what it relies on. It asks for that again immediately before it acts. If something has moved,
    the run says what moved and how to continue, and does nothing more.
    """
    # Whatever moves during a build and during a commit: tests/verbs/release/test_release.py,
    # tests/verbs/commit/test_commit.py.
    hub, stands = scene.hub, []

    def meanwhile() -> None:
        hub.put("private.txt", "diary\n")
        stands.append(scene.world())

    done = run_on_screen(*INVOKE, "release", "--push", cwd=hub.path, meanwhile=meanwhile)
    assert done.code == REFUSED, done
    assert done.out.splitlines()[-2:] == [
        f"error: the plan no longer holds: HEAD is now {hub.git('rev-parse', '--short=12', 'HEAD')}",
        "hint: run the same command again",
    ]
    assert [scene.world()] == stands


@pytest.mark.engine
def test_rule_8(scene: Scene) -> None:
    """Inputs are recognized. Each image carries the hash of its inputs as a label, so after a squash, a rebase or
    an amended commit the same image gets the current tag, without a build.
    """
    # Every way to rewrite a commit: tests/verbs/check/test_history.py. What makes other inputs:
    # tests/unit/image/test_tree.py.
    hub = scene.hub
    done = succeed("release", "--yes", "--json", cwd=hub.path)
    (old,) = done.json["images"]
    squash(hub)
    checked = run_task("check", cwd=hub.path)
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "No faults, 1 warning."), checked

    done = succeed("build", "--json", cwd=hub.path)
    (new,) = done.json["images"]
    assert (new["status"], new["tag"]) == ("retagged", scene.tag)
    assert (new["digest"], new["inputs"]) == (old["digest"], old["inputs"])
    assert new["tag"] != old["tag"]


@pytest.mark.engine
def test_rule_9(scene: Scene) -> None:
    """A rehearsal cannot reach anything real. It works in a marked folder. While it runs, every git remote outside
    that folder, every write to another registry, every builder but the local engine, gcloud and forges are refused.
    """
    # Every setting that could lead outside, and the doors: tests/verbs/release/test_rehearse_reach.py. Killed ones, and
    # what is never removed: tests/verbs/release/test_rehearse_killed.py.
    temporary = scene.folder / "temporary"
    temporary.mkdir()
    scene.hub.git("remote", "set-url", "--push", "origin", str(scene.hub.remote))
    leading_outside = {"INVOKE_HUB_BUILDER": "cloudbuild", "INVOKE_HUB_CACHE": "registry", "BUILDX_BUILDER": "far"}
    before = scene.world()
    done = succeed("rehearse", "--pr", cwd=scene.hub.path, env={**leading_outside, "TMPDIR": str(temporary)})
    assert "\n+    version: 3.3.8\n" in done.out
    assert (scene.world(), list(temporary.iterdir())) == (before, [])


@pytest.mark.engine
def test_rule_10(place: Place) -> None:
    """Tags are identical to chartpress's unless `hub.tag` is set. After a build, chartpress has nothing to do."""
    # Every history: tests/unit/image/test_tag.py. Every layout: tests/verbs/build/test_chartpress_engine.py.
    place.hub.git("tag", "1.2.0")
    place.hub.write("images/hub/extra.txt", "of the image\n")
    place.hub.commit("Add a file")
    place.hub.put("notes.txt", "of no image\n")
    done = succeed("build", "--json", cwd=place.hub.path)
    (image,) = done.json["images"]
    theirs = run(sys.executable, "-m", "chartpress", "--list-images", cwd=place.hub.path)
    assert theirs.out.splitlines() == [f"{image['repository']}:{image['tag']}"]


def test_rule_11(hub: Hub, tmp_path: Path) -> None:
    """Git is told everything. Each command names the git directory and the work tree, repositories inside a clone
    are never discovered, and settings that change what git prints or does are overridden.
    """
    # Every setting, variable and place: tests/verbs/commit/test_surroundings.py. Every look:
    # tests/verbs/commit/test_embedded.py.
    trap = Trap.set_up(tmp_path)
    plant(trap, hub.path / "images/hub", BARE, tmp_path / "making")
    hub.commit("Bring a repository along")
    hub.git("tag", "--annotate", "--message", "Mine", "mine")
    for setting in (
        "push.followTags=true",
        "log.showSignature=true",
        f"diff.external={trap.program}",
        "color.ui=always",
    ):
        hub.git("config", *setting.split("="))
    for task in ("check --offline", "bump", "commit --push"):
        done = run_task(*task.split(), cwd=hub.path / "images/hub")
        assert (done.code, trap.said()) == (REFUSED if "check" in task else 0, ""), done
    assert committed_files(hub) == MANAGED
    assert hub.remote_git("for-each-ref", "--format=%(refname)") == f"refs/heads/{BRANCH}\nrefs/heads/main"


def test_rule_12(hub: Hub, tmp_path: Path) -> None:
    """Children get a clean environment, and never wait for input without a terminal. Every call to a program or
    server has a timeout, except a build.
    """
    # Every way to sign in: tests/verbs/auth/test_auth.py. Programs and servers that hang:
    # tests/verbs/check/test_doctor.py, tests/unit/tools, tests/unit/core/test_http.py.
    gcloud = GcloudStandIn.install(tmp_path / "gcloud")
    hub.edit("chartpress.yaml", "127.0.0.1:1", "us-docker.pkg.dev/hubs")
    others = {"VIRTUAL_ENV": "/somebody/else", "PYTHONPATH": "/somebody/else"}
    told = ended(run_task("auth", cwd=hub.path, env={**gcloud.env, **others}))
    assert told[:2] == (UNREACHABLE, "not signed in, and there is no terminal to sign in on (gcloud)")
    environment = (gcloud.folder / "environment").read_text()
    assert "HOME=" in environment
    assert "/somebody/else" not in environment
    assert [call for call in gcloud.calls if "--quiet" not in call] == []

    succeed("bump", "commit", "--push", cwd=hub.path, env=git_that_tells(tmp_path))
    variables = (tmp_path / "environments").read_text().splitlines()
    calls = [line for line in variables if line.startswith("HOME=")]
    assert calls
    assert variables.count("GIT_TERMINAL_PROMPT=0") == len(calls)


def git_that_tells(folder: Path) -> dict[str, str]:
    """Return what puts a git first that writes down the environment of each call, and does what it always does."""
    programs = folder / "programs"
    script = f'env >> "{folder}/environments"\nexec "{shutil.which("git")}" "$@"'
    write_program(programs, "git", script)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def test_rule_13(hub: Hub) -> None:
    """One run at a time in a clone. The lock ends with its process, and the message names the process that holds it."""
    # Every kind of lock file, and what a killed run leaves: tests/verbs/commit/test_one_run.py. Two releases at once:
    # tests/tools/faults/test_git.py.
    with one_run_at_a_time(hub.path / ".git"):
        before = hub.snapshot()
        done = run_task("bump", cwd=hub.path)
    assert (done.code, hub.snapshot()) == (REFUSED, before), done
    assert fault(done)[0] == f"another run is in progress, process {os.getpid()} ({hub.path})"
    succeed("bump", cwd=hub.path)


def test_rule_14(hub: Hub) -> None:
    """Untrusted input is data. It never reaches a shell, it is read from regular files only and in bounded time and
    memory, and it is shown with control characters escaped and secrets masked.
    """
    # Every reader: tests/tools/fuzz. No shell: tests/rules/test_no_shell.py. Files that are none:
    # tests/verbs/check/test_misspelt.py. What is shown: tests/unit/core, tests/verbs/release/test_secrets.py. Odd
    # names: tests/verbs/release/test_names.py.
    secret = "ghp_" + "0123456789" * 3 + "abcdef"
    hub.edit(REQUIREMENTS, "version: 3.2.1", f'version: "\\e[2J{secret}"')
    done = run_task("bump", cwd=hub.path)
    assert done.code == REFUSED, done
    assert (secret in done.err, "\x1b" in done.err, "\\x1b[2J" in done.err) == (False, False, True), done


def test_every_rule_has_its_test() -> None:
    rules = (PROJECT / "docs/architecture.md").read_text().partition("## The rules\n")[2]
    items = re.findall(r"^(\d+)\. (.+(?:\n {3,}.+)*)$", rules, re.MULTILINE)
    written = [(number, " ".join(text.replace("**", "").split())) for number, text in items]
    tests = {name.removeprefix("test_rule_"): test for name, test in globals().items() if name.startswith("test_rule_")}
    assert [(number, " ".join(str(test.__doc__).split())) for number, test in tests.items()] == written
