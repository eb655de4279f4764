"""Where the documents' commands are typed: hub repositories, with all that they reach out to on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..review.conftest import at
from ..review.standin_gh import StandInGh
from ..support.cli import INVOKE, run, sh
from ..support.hubs import Hub, make_hub, make_repository
from ..support.registry import sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOME = "/home/you"
FOLDER = "my-hubs"
REGISTRY, CHARTS, BASE = "registry.example.edu", "https://hub.jupyter.org/helm-chart/", "quay.io/jupyterhub/k8s-hub"
ON_GITHUB = "https://github.com/your-org/my-hubs.git"
GOOGLE = "us-central1-docker.pkg.dev/your-project"


@dataclass(frozen=True)
class Around:
    """What a hub repository reaches out to, on this machine.

    Attributes:
        registry: its registry's ``HOST:PORT``.
        base: the repository of its base image.
        charts: the address of its Helm repository.
        programs: the folder of the installed command.
    """

    registry: str
    base: str
    charts: str
    programs: Path


@dataclass(frozen=True)
class Scene:
    """A place where commands are typed.

    Attributes:
        home: the folder that the documents call ``/home/you``.
        around: what is reached from there.
        cwd: the folder that they are typed in.
        env: variables besides the test's own.
    """

    home: Path
    around: Around
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def hub(self) -> Hub:
        """The hub repository in it."""
        return Hub(self.home / FOLDER, self.home / f"{FOLDER}.git")

    def as_documented(self, text: str) -> str:
        """Return ``text`` with the names that stand in the documents for what is only here."""
        names = {
            self.around.base: BASE,
            f"{self.around.registry}/{self.home.name}": REGISTRY,
            f"{self.around.registry.replace(':', '-')}/{self.home.name}": REGISTRY,
            self.around.registry: REGISTRY,
            self.around.charts: CHARTS,
            str(self.home): HOME,
            f"{self.home.name}/": "",
        }
        for here, documented in names.items():
            text = text.replace(here, documented)
        return text

    def type(self, *words: str) -> None:
        """Run the installed command in the hub, and demand success."""
        done = run(str(self.around.programs / "hubpress"), *words, cwd=self.hub.path, env=self.env)
        assert done.code == 0, done


def make_scene(name: str, home: Path, around: Around) -> Scene:
    """Make the scene that a document names; the empty name is the usual one."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    (programs / "hubpress").symlink_to(around.programs / "hubpress")
    _write(programs / "invoke", f'exec {" ".join(INVOKE)} "$@"')
    StandInGh(home / "gh").install()
    path = os.pathsep.join((str(programs), str(home / "gh"), os.environ["PATH"]))
    # CI: nothing turns while something is waited for. The builder's own progress is left out of the documents.
    (home / "tmp").mkdir()
    env = {"PATH": path, "TMPDIR": str(home / "tmp"), "CI": "true", "BUILDKIT_PROGRESS": "plain"}
    sign_in(around.registry, "you", "your password")
    scene = Scene(home, around, home / FOLDER, env)
    return SCENES[name](scene)


def _usual(scene: Scene) -> Scene:
    """A hub repository on 3.2.1, on its default branch, everything committed."""
    hub = make_hub(
        scene.hub.path,
        base=scene.around.base,
        registry=f"{scene.around.registry}/{scene.home.name}",
        chart_repository=scene.around.charts,
    )
    at(hub, ON_GITHUB)
    return scene


def _beside(scene: Scene) -> Scene:
    """The usual hub repository, and a clone of this project beside it in which one stands."""
    (scene.home / "hubpress").mkdir()
    return Scene(scene.home, scene.around, scene.home / "hubpress", _usual(scene).env)


def _bumped(scene: Scene) -> Scene:
    """The usual one after ``bump``."""
    _usual(scene).type("bump")
    return scene


def _behind(scene: Scene) -> Scene:
    """A clone of a fork, with a remote ``upstream`` whose ``staging`` has one more commit."""
    _usual(scene)
    hub, upstream = scene.hub, scene.home / "upstream.git"
    hub.git("branch", "--move", "main", "staging")
    hub.git("push", "--quiet", "origin", "staging")
    hub.remote_git("symbolic-ref", "HEAD", "refs/heads/staging")
    sh("git", "clone", "--quiet", "--bare", str(hub.remote), str(upstream), cwd=scene.home)
    at(hub, "https://github.com/you/my-hubs.git")
    hub.git("remote", "add", "upstream", ON_GITHUB)
    hub.git("config", f"url.{upstream}.insteadOf", ON_GITHUB)
    sh("git", "clone", "--quiet", str(upstream), str(scene.home / "colleague"), cwd=scene.home)
    colleague = Hub(scene.home / "colleague", upstream)
    colleague.write("notes.txt", "theirs\n")
    colleague.commit("Take notes")
    colleague.git("push", "--quiet")
    return scene


def _fork(scene: Scene) -> Scene:
    """The same after ``bump``, and up to date."""
    _behind(scene).hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    scene.type("bump")
    return scene


def _committed(scene: Scene) -> Scene:
    """The usual one after ``bump`` and ``commit``."""
    _usual(scene).type("bump", "commit")
    return scene


def _released(scene: Scene) -> Scene:
    """The usual one after ``release --push``."""
    _usual(scene).type("release", "--yes", "--push")
    return scene


def _squashed(scene: Scene) -> Scene:
    """The usual one after ``release``, whose branch was merged as one commit and removed."""
    _usual(scene).type("release", "--yes")
    scene.hub.git("switch", "--quiet", "main")
    scene.hub.git("merge", "--quiet", "--squash", "bump-z2jh-3.3.8")
    scene.hub.git("commit", "--quiet", "--message", "Move z2jh to 3.3.8 (#1)")
    scene.hub.git("branch", "--quiet", "--delete", "--force", "bump-z2jh-3.3.8")
    return scene


def _half(scene: Scene) -> Scene:
    """A hub repository in which somebody moved the requirement alone."""
    _released(scene)
    scene.hub.edit("hub/requirements.yaml", "version: 3.3.8", "version: 3.3.7")
    scene.hub.commit("Bump z2jh")
    return scene


def _bare(scene: Scene) -> Scene:
    """A repository with a chart, and no hub image."""
    chart = "apiVersion: v2\nname: hub\nversion: 0.1.0\ndependencies:\n  - name: jupyterhub\n    version: 3.2.1\n"
    files = {
        "hub/Chart.yaml": f"{chart}    repository: {scene.around.charts}\n",
        "hub/values.yaml": "jupyterhub:\n  hub:\n    config: {}\n",
    }
    at(make_repository(scene.hub.path, files), ON_GITHUB)
    return scene


def _empty(scene: Scene) -> Scene:
    """A repository with nothing of a hub in it, and a Helm repository for it."""
    at(make_repository(scene.hub.path, {"README.md": "# Our hubs\n"}), ON_GITHUB)
    return Scene(scene.home, scene.around, scene.cwd, {**scene.env, "INVOKE_HUB_CHART_REPOSITORY": scene.around.charts})


def _google(scene: Scene) -> Scene:
    """A hub repository whose image goes to Google's Artifact Registry, on a machine where nobody is signed in."""
    _usual(scene)
    scene.hub.edit("chartpress.yaml", f"{scene.around.registry}/{scene.home.name}", GOOGLE)
    scene.hub.commit("Push to Google")
    return scene


def _cluster(scene: Scene) -> Scene:
    """The usual one, with a Docker context ``cluster`` that leads to this machine's engine."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    sh("docker", "context", "create", "cluster", "--docker", f"host={host}", cwd=scene.home)
    return _committed(scene)


SCENES: dict[str, Callable[[Scene], Scene]] = {
    "": _usual,
    "bare": _bare,
    "behind": _behind,
    "beside": _beside,
    "bumped": _bumped,
    "cluster": _cluster,
    "committed": _committed,
    "empty": _empty,
    "fork": _fork,
    "google": _google,
    "half": _half,
    "released": _released,
    "squashed": _squashed,
}


def _write(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
