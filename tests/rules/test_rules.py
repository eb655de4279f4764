"""The rules of docs/architecture.md, one test for each, in their order and in their words.

What each of them means in every corner is shown elsewhere; where, a test's comment says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ..cli.gcloud import GcloudStandIn
from ..lab.cli import run, run_task
from ..lab.helm import RELEASES
from ..lab.machine import PROJECT
from ..release.world import fault
from ..servers.conduct import says
from ..servers.place import from_the_proof_on
from ..z2jh.scripted import reply, reset

if TYPE_CHECKING:
    from pathlib import Path

    from ..lab.helm import HelmServer
    from ..lab.hubs import Hub
    from ..servers.place import Place

DOCKERFILE, REQUIREMENTS, VALUES = "images/hub/Dockerfile", "hub/requirements.yaml", "hub/values.yaml"
HELM = PROJECT / "tests/hubs/helm_stand_in.sh"
REFUSED, PROGRAM, UNREACHABLE = 1, 3, 4


def test_rule_1(hub: Hub, helm_repository: HelmServer) -> None:
    """One lookup, two edits: the base image is read from the release, never derived from the chart's version."""
    # Every shape of release: tests/z2jh, tests/release/test_bump.py.
    newest = RELEASES[0]
    assert newest.image_tag != newest.version
    done = run_task("bump", "--to", newest.version, cwd=hub.path)
    assert done.code == 0, done
    assert f"version: {newest.version}\n" in hub.read(REQUIREMENTS)
    assert f"FROM {newest.hub_image}\n" in hub.read(DOCKERFILE)
    assert helm_repository.requests == ["GET /index.yaml 200"]


def test_rule_2(hub: Hub, tmp_path: Path) -> None:
    """All or nothing in each step: everything is computed before the first byte is written; a file is replaced by
    rename.
    """
    # Stopped at every point, disks that are full, folders that cannot be written: tests/faults.
    hub.write(DOCKERFILE, hub.read(DOCKERFILE).replace("\n", "\r\n"))
    (hub.path / DOCKERFILE).chmod(0o755)
    hub.write("hub/requirements.lock", "dependencies:\n- name: jupyterhub\n  version: 3.2.1\n")
    hub.commit("Lock the requirement")
    before = hub.snapshot()
    done = run_task("bump", cwd=hub.path, env=helm_that_fails(tmp_path))
    assert (done.code, hub.snapshot()) == (PROGRAM, before), done
    assert "context deadline exceeded" in fault(done)[0]

    hub.git("rm", "--quiet", "hub/requirements.lock")
    hub.commit("Lock nothing")
    with (hub.path / DOCKERFILE).open("rb") as held:
        done = run_task("bump", "--to", "3.3.8", cwd=hub.path)
        assert done.code == 0, done
        assert held.read() == before[DOCKERFILE]
    assert hub.snapshot()[DOCKERFILE] == before[DOCKERFILE].replace(b"3.2.1", b"3.3.8")
    assert (hub.path / DOCKERFILE).stat().st_mode & 0o777 == 0o755


def helm_that_fails(folder: Path) -> dict[str, str]:
    """Return what puts a stand-in for helm first, which fails after it has damaged the lock file."""
    programs = folder / "programs"
    programs.mkdir()
    shutil.copy(HELM, programs / "helm")
    (programs / "helm").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HELM_MOOD": "fails", "HELM_RECORD": str(folder / "record")}


def test_rule_3(hub: Hub) -> None:
    """Only our own files: a commit names its paths, and a managed file with foreign edits is refused."""
    # Every state of a clone: tests/git.
    hub.edit("hub/Chart.yaml", "Our hub", "Stashed")
    hub.git("stash", "--quiet")
    hub.write("staged.txt", "staged\n")
    hub.git("add", "staged.txt")
    hub.edit("hub/Chart.yaml", "Our hub", "Changed")
    hub.write("untracked.txt", "untracked\n")
    look = ("status", "--porcelain=v2", "--show-stash")
    before = hub.git(*look)
    done = run_task("bump", "commit", cwd=hub.path)
    assert done.code == 0, done
    assert hub.git("show", "--format=", "--name-only").splitlines() == [REQUIREMENTS, DOCKERFILE]
    assert hub.git(*look) == before

    hub.edit(DOCKERFILE, "USER root\n", "USER root\nRUN true\n")
    commits = hub.subjects()
    done = run_task("bump", "--to", "3.3.7", "commit", cwd=hub.path)
    assert (done.code, hub.subjects()) == (REFUSED, commits), done
    assert fault(done)[0] == f"the file has other changes than a release's ({DOCKERFILE})"


@pytest.mark.engine
def test_rule_4(place: Place) -> None:
    """The registry is asked, never guessed: not found, denied, unreachable and broken are four answers."""
    # Every way to misbehave: tests/servers.
    for answer, code, what in (
        (says("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown"), 0, ""),
        (says("403 Forbidden", "DENIED", "no"), UNREACHABLE, "the registry denied access"),
        (reset, UNREACHABLE, "the registry gives no usable answer"),
        (reply(status="500 Internal Server Error"), UNREACHABLE, "the registry gives no usable answer"),
    ):
        place.front.rules.clear()
        place.front.answer(place.manifest, answer)
        shown = run_task("--dry", "build", cwd=place.hub.path)
        assert (shown.code, what in shown.err) == (code, True), shown
        assert ("build and push" in shown.out) is (code == 0)

    place.front.rules.clear()
    theirs = place.behind.push(place.tag, "linux/amd64", "ab")["digest"]
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, "PUT" in {asked.method for asked in place.front.asked}) == (REFUSED, False), done
    forced = run_task("build", "--force", "--json", cwd=place.hub.path)
    assert forced.code == 0, forced
    assert forced.json["images"][0]["digest"] != theirs


@pytest.mark.engine
def test_rule_5(place: Place) -> None:
    """Values last: after the registry has answered for digest, platform and base."""
    # What must be proved: tests/image/test_proof.py. A tag that is moved: tests/servers/test_build.py.
    values = place.hub.read(VALUES)
    seen: list[str] = []

    def ask(_: object) -> None:
        seen.append(place.hub.read(VALUES))

    from_the_proof_on(place, ask)
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.read(VALUES)) == (UNREACHABLE, values), done
    assert set(seen) == {values}
    place.front.rules.clear()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.tag in place.hub.read(VALUES)) == (0, True), done


@pytest.mark.engine
def test_rule_6(place: Place) -> None:
    """A tag names a commit, so the commit must exist (or the tag names the content)."""
    # Shallow clones: tests/image/test_tag.py. Tags of the content: tests/hubs/test_content_tags.py.
    place.hub.write("images/hub/extra.txt", "not committed\n")
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, fault(done)[0]) == (
        REFUSED,
        "the image hub has files that are not committed (images/hub/extra.txt)",
    )
    by_content = {"INVOKE_HUB_TAG": "{content}"}
    done = run_task("--dry", "build", cwd=place.hub.path, env=by_content)
    assert done.code == 0, done
    place.hub.commit("Add a file")
    done = run_task("build", "--json", cwd=place.hub.path)
    assert done.code == 0, done
    assert done.json["images"][0]["tag"].endswith(f".h{place.hub.git('log', '-1', '--pretty=%h')}")


@pytest.mark.engine
def test_rule_7(place: Place) -> None:
    """Tags are chartpress's, to the byte, unless `hub.tag` says otherwise."""
    # Every history: tests/image/test_tag.py. Every layout: tests/hubs/test_equivalence.py.
    place.hub.git("tag", "1.2.0")
    place.hub.write("images/hub/extra.txt", "of the image\n")
    place.hub.commit("Add a file")
    place.hub.write("notes.txt", "of no image\n")
    place.hub.commit("Take a note")
    done = run_task("build", "--json", cwd=place.hub.path)
    assert done.code == 0, done
    (image,) = done.json["images"]
    theirs = run(sys.executable, "-m", "chartpress", "--list-images", cwd=place.hub.path)
    assert theirs.out.splitlines() == [f"{image['repository']}:{image['tag']}"]


def test_rule_8(hub: Hub, tmp_path: Path) -> None:
    """Children get a clean environment, and nothing asks a question where nobody can answer."""
    # Every way to sign in: tests/cli/test_auth.py.
    gcloud = GcloudStandIn.install(tmp_path / "gcloud")
    hub.edit("chartpress.yaml", "127.0.0.1:1", "us-docker.pkg.dev/hubs")
    others = {"VIRTUAL_ENV": "/somebody/else", "PYTHONPATH": "/somebody/else"}
    done = run_task("auth", cwd=hub.path, env={**gcloud.env, **others})
    assert (done.code, fault(done)[0]) == (
        UNREACHABLE,
        "nobody is signed in, and there is no terminal to sign in on (gcloud)",
    )
    environment = (gcloud.folder / "environment").read_text()
    assert "HOME=" in environment
    assert "/somebody/else" not in environment
    assert [call for call in gcloud.calls if "--quiet" not in call] == []

    done = run_task("bump", "commit", "--push", cwd=hub.path, env=git_that_tells(tmp_path))
    assert done.code == 0, done
    variables = (tmp_path / "environments").read_text().splitlines()
    calls = [line for line in variables if line.startswith("HOME=")]
    assert calls
    assert variables.count("GIT_TERMINAL_PROMPT=0") == len(calls)


def git_that_tells(folder: Path) -> dict[str, str]:
    """Return what puts a git first that writes down the environment of each call, and does what it always does."""
    programs = folder / "programs"
    programs.mkdir()
    script = f'#!/bin/sh\nenv >> "{folder}/environments"\nexec "{shutil.which("git")}" "$@"\n'
    (programs / "git").write_text(script)
    (programs / "git").chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


HOLDER = """\
import sys, time
from pathlib import Path
from tasks.tools.one_run import one_run_at_a_time
with one_run_at_a_time(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_rule_9(hub: Hub) -> None:
    """One run at a time in a clone."""
    # Two releases at once, in one clone and in two: tests/faults/test_two_at_once.py.
    argv = (sys.executable, "-c", HOLDER, str(hub.path / ".git"))
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            before = hub.snapshot()
            done = run_task("bump", cwd=hub.path)
        finally:
            holder.kill()
    assert (done.code, hub.snapshot()) == (REFUSED, before), done
    assert fault(done)[0] == f"another run is under way here, process {holder.pid} ({hub.path})"
    # The lock dies with its process.
    assert run_task("bump", cwd=hub.path).code == 0


def test_rule_10(hub: Hub, helm_repository: HelmServer) -> None:
    """Untrusted input is data: no shell, bounded time and memory."""
    # Every reader: tests/fuzz. No shell, no options, no secrets: tests/security.
    branch = "a;touch${IFS}evil;$(touch${IFS}evil)`touch${IFS}evil`"
    done = run_task("bump", "commit", "--branch", branch, "--push", cwd=hub.path)
    assert done.code == 0, done
    assert hub.remote_git("rev-parse", f"refs/heads/{branch}") == hub.git("rev-parse", "HEAD")
    assert list(hub.path.parent.rglob("evil")) == []

    layers = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    bomb = f"apiVersion: v1\na0: &a0 [x]\n{layers}entries: {{jupyterhub: *a29}}\n"
    helm_repository.answers["/index.yaml"] = (200, bomb.encode())
    done = run_task("bump", cwd=hub.path, seconds=60)
    assert (done.code, len(done.err.splitlines())) == (UNREACHABLE, 2), done


def test_every_rule_has_its_test() -> None:
    rules = (PROJECT / "docs/architecture.md").read_text().partition("## The rules\n")[2]
    written = dict(re.findall(r"^(\d+)\. (.+)$", rules, re.MULTILINE))
    tests = {name.removeprefix("test_rule_"): test for name, test in globals().items() if name.startswith("test_rule_")}
    assert {number: " ".join(str(test.__doc__).split()) for number, test in tests.items()} == written
