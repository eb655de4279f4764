import contextlib
import json
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.rehearsal.registry import registry as throwaway_registry
from tests.support.cli import run, run_task, sh
from tests.support.helm import ChartRelease, chart_repository
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.scene import DOCKERFILE, REQUIREMENTS, VALUES, Scene
from tests.support.world import fault, files_in

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
OUT_OF_REACH = "registry.invalid/jupyterhub/k8s-hub"


def rehearse(hub: Hub, *flags: str, env: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - the JSON that it prints
    result = run_task("rehearse", *flags, "--json", cwd=hub.path, env=env)
    assert result.code == 0, result
    return result.json


def rehearse_and_keep(hub: Hub, *flags: str, env: dict[str, str] | None = None) -> tuple[Path, Any]:
    """Return the folder that a rehearsal leaves with ``--keep``, and the JSON that it prints."""
    told = rehearse(hub, "--keep", *flags, env={"TMPDIR": str(hub.path.parent), **(env or {})})
    return Path(told["folder"]), told


def subjects(remote: Path, revisions: str) -> list[str]:
    return sh("git", "log", "--pretty=%s", revisions, cwd=remote).splitlines()


def in_rehearsals_registry(folder: Path, image: str) -> Any:  # noqa: ANN401 - the JSON that buildx prints
    """Serve a rehearsal's registry once more, and return what it says of an image."""
    port = json.loads((folder / "rehearsal.json").read_text())["port"]
    with throwaway_registry(folder / "registry", port=port):
        return json.loads(sh("docker", "buildx", "imagetools", "inspect", image, "--format={{json .}}", cwd=folder))


def test_a_rehearsal_releases_for_a_remote_and_a_registry_of_its_own(scene: Scene) -> None:
    # The working tree counts as it stands.
    scene.hub.write("images/hub/extra.txt", "not committed\n")
    scene.hub.edit(DOCKERFILE, "RUN pip install", "COPY extra.txt /srv/\nRUN pip install")
    before, git_folder = scene.world(), files_in(scene.hub.path / ".git")
    folder, told = rehearse_and_keep(scene.hub)
    assert sh("git", "show", f"{BRANCH}:images/hub/extra.txt", cwd=folder / "remote.git") == "not committed"
    (image,) = told["images"]
    remote = folder / "remote.git"
    assert subjects(remote, f"main..{BRANCH}") == [f"Use hub image {image['tag']}", "Move z2jh from 3.2.1 to 3.3.8"]
    assert [commit["subject"] for commit in told["commits"]] == subjects(remote, f"main..{BRANCH}")[::-1]
    assert image["repository"].startswith(f"{told['registry']}/")
    values = sh("git", "show", f"{BRANCH}:{VALUES}", cwd=remote)
    assert f"      name: {image['repository']}\n      tag: {image['tag']}\n" in values

    pushed = in_rehearsals_registry(folder, f"{image['repository']}:{image['tag']}")
    base = json.loads(
        sh("docker", "buildx", "imagetools", "inspect", f"{scene.base}:3.3.8", "--format={{json .}}", cwd=folder)
    )
    layers, base_layers = (found["image"]["rootfs"]["diff_ids"] for found in (pushed, base))
    assert pushed["manifest"]["digest"] == image["digest"]
    assert (pushed["image"]["os"], pushed["image"]["architecture"]) == ("linux", "amd64")
    assert layers[: len(base_layers)] == base_layers

    assert scene.world() == before
    assert files_in(scene.hub.path / ".git") == git_folder


def test_a_rehearsal_shows_commits_and_diff_and_the_commands_that_show_what_is_kept(scene: Scene) -> None:
    result = run_task("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(scene.folder)})
    assert result.code == 0, result
    _, _, seen = result.out.partition(f"\nCommits on {BRANCH}, in the throwaway remote:\n")
    assert [line.split(" ", 1)[1][:14] for line in seen.splitlines()[:2]] == ["Use hub image ", "Move z2jh from"]
    assert "\n-    version: 3.2.1\n+    version: 3.3.8\n" in seen
    assert seen.endswith("\nNothing left this machine.\n")
    kept, *rows = result.err.splitlines()[-4:]
    folder = Path(kept.removeprefix("Kept: "))
    shown = {row[:13].strip(): row[13:].strip() for row in rows}
    assert list(shown) == ["its commits", "its images", "remove it"]
    commits = run("sh", "-c", shown["its commits"], cwd=scene.folder)
    assert commits.out.count("\n+    version: 3.3.8\n") == 1, commits
    image = next(line for line in result.out.splitlines() if line.endswith(": built, pushed, verified"))
    with serving(shown["its images"], json.loads((folder / "rehearsal.json").read_text())["port"]):
        sh("docker", "buildx", "imagetools", "inspect", image.partition(": ")[0], cwd=folder)
    assert run("sh", "-c", shown["remove it"], cwd=scene.folder).code == 0
    assert not folder.exists()


@contextlib.contextmanager
def serving(command: str, port: int) -> Iterator[None]:
    """Run a command that serves a registry, from when it answers to the end of the block."""
    with subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while server.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


def test_what_cannot_be_reached_is_stood_in_for_and_loudly_so(tmp_path: Path) -> None:
    hub = make_hub(
        tmp_path / "hub", base=OUT_OF_REACH, registry="registry.invalid", chart_repository="http://127.0.0.1:1/"
    )
    result = run_task("rehearse", cwd=hub.path)
    assert result.code == 0, result
    notes = [
        "STAND-IN: the charts come with hubpress, not from http://127.0.0.1:1/: connection refused",
        f"STAND-IN: {OUT_OF_REACH}:3.3.8 is not z2jh's image, it was made here for the rehearsal",
    ]
    assert result.err.splitlines()[:2] == notes
    assert result.out.splitlines()[-2:] == notes
    assert run("docker", "image", "inspect", f"{OUT_OF_REACH}:3.3.8", cwd=tmp_path).code != 0


def test_this_projects_own_hub_is_rehearsed(tmp_path: Path) -> None:
    """The charts are of a version that nobody has, so that no real base image stands in the stand-in's way."""
    if not (PROJECT / ".git").exists():
        pytest.skip("this is no clone of the project")
    hub = Hub(tmp_path / "hub", tmp_path / "none.git")
    sh("git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(hub.path), cwd=tmp_path)
    chart_repository(tmp_path / "charts", (ChartRelease("4.4.98", "5.5.0", ">=1.28.0-0", "2026-07-01"),))
    env = {"INVOKE_HUB_CHART_REPOSITORY": (tmp_path / "charts").as_uri()}
    told = rehearse(hub, "--major", "--stand-in-base", env=env)
    (image,) = told["images"]
    assert told["chart"]["after"] == "4.4.98"
    assert told["files"] == [DOCKERFILE, REQUIREMENTS]
    assert (image["status"], image["base"]["inherited"], told["values"]["changed"]) == ("built", True, True)
    assert [note.partition(":")[0] for note in told["stand_ins"]] == ["STAND-IN"]
    assert hub.git("status", "--porcelain") == ""


def test_a_dry_rehearsal_refuses_what_a_real_one_refuses(scene: Scene) -> None:
    dry, real = (
        run_task(*words, "--to", "9.9.9", cwd=scene.hub.path) for words in (("--dry", "rehearse"), ("rehearse",))
    )
    assert (dry.code, fault(dry)) == (real.code, fault(real)) == (1, fault(real))


def test_the_next_steps_of_a_rehearsal_name_the_branch_that_is_deployed(scene: Scene) -> None:
    scene.hub.git("push", "--quiet", "origin", "main:prod")
    assert "After that, open a pull request from main into prod" in rehearse(scene.hub)["next_steps"]


def test_a_rehearsal_that_failed_cannot_be_continued_and_names_what_it_kept(scene: Scene) -> None:
    scene.hub.edit(DOCKERFILE, "COPY", "RUN false\nCOPY")
    scene.hub.commit("Break the build")
    failed = run_task("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(scene.folder)})
    assert failed.code == 3, failed
    assert "To continue" not in failed.err
    (kept,) = scene.folder.glob("hubpress-kept-*")
    assert f"Kept: {kept}\n  its commits  git -C {kept}/hub log" in failed.err

    shutil.rmtree(kept)
    scene.hub.write("chartpress.yaml", "charts: [\n")
    unreadable = run_task("rehearse", "--keep", cwd=scene.hub.path, env={"TMPDIR": str(scene.folder)})
    assert (unreadable.code, "its commits" in unreadable.err) == (2, False), unreadable
