"""Where the documents' commands are typed: hub repositories, with all that they reach out to on this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.charts import write_real_repository
from tests.support.cli import INVOKE, run, sh, succeed
from tests.support.gh import StandInGh
from tests.support.hubs import Hub, at, copied, make_hub, make_repository
from tests.support.machine import HELMS
from tests.support.processes import write_program
from tests.support.registry import sign_in

HOME = "/home/you"
FOLDER = "my-hubs"
REGISTRY, CHARTS, BASE = "registry.example.edu", "https://hub.jupyter.org/helm-chart/", "quay.io/jupyterhub/k8s-hub"
ON_GITHUB = "https://github.com/your-org/my-hubs.git"
GOOGLE = "us-central1-docker.pkg.dev/your-project"


@dataclass(frozen=True)
class Around:
    """What a hub repository reaches out to, on this machine, and a folder for what several scenes begin with."""

    registry: str
    base: str
    charts: str
    programs: Path
    folder: Path


@dataclass(frozen=True)
class Scene:
    """A place where commands are typed; ``path`` is that of its images in the registry."""

    home: Path
    around: Around
    cwd: Path
    path: str
    env: dict[str, str] = field(default_factory=dict)

    @property
    def hub(self) -> Hub:
        """The hub repository in it."""
        return Hub(self.home / FOLDER, self.home / f"{FOLDER}.git")

    def as_documented(self, text: str) -> str:
        """Return ``text`` with the names that stand in the documents for what is only here."""
        names = {
            self.around.base: BASE,
            f"{self.around.registry}/{self.path}": REGISTRY,
            f"{self.around.registry.replace(':', '-')}/{self.path}": REGISTRY,
            self.around.registry: REGISTRY,
            self.around.charts: CHARTS,
            str(self.home): HOME,
            f"{self.home.name}/": "",
        }
        for here, documented in names.items():
            text = text.replace(here, documented)
        return text

    def type(self, *words: str) -> None:
        """Run a task in the hub, and demand success."""
        succeed(*words, cwd=self.hub.path, env=self.env)


def make_scene(name: str, home: Path, around: Around) -> Scene:
    """Make the scene that a document names; the empty name is the usual one."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    (programs / "hubpress").symlink_to(around.programs / "hubpress")
    write_program(programs, "invoke", f'exec {" ".join(INVOKE)} "$@"')
    StandInGh(home / "gh").install()
    path = os.pathsep.join((str(programs), str(home / "gh"), os.environ["PATH"]))
    # CI: nothing turns while something is waited for. The builder's own progress is left out of the documents.
    (home / "tmp").mkdir()
    env = {"PATH": path, "TMPDIR": str(home / "tmp"), "CI": "true", "BUILDKIT_PROGRESS": "plain"}
    sign_in(around.registry, "you", "your password")
    scene = Scene(home, around, home / FOLDER, home.name, env)
    return SCENES[name](scene)


def _usual(scene: Scene) -> Scene:
    """A hub repository on 3.2.1, on its default branch, everything committed."""
    hub = make_hub(
        scene.hub.path,
        base=scene.around.base,
        registry=f"{scene.around.registry}/{scene.path}",
        chart_repository=scene.around.charts,
    )
    at(hub, ON_GITHUB)
    return scene


def _beside(scene: Scene) -> Scene:
    """The usual hub repository, and a clone of this project beside it in which one stands."""
    (scene.home / "hubpress").mkdir()
    return replace(_usual(scene), cwd=scene.home / "hubpress")


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


def _up_to_date(scene: Scene) -> Scene:
    """The same, and up to date."""
    _behind(scene).hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    return scene


def _fork(scene: Scene) -> Scene:
    """The same after ``bump``."""
    _up_to_date(scene).type("bump")
    return scene


def _team(scene: Scene) -> Scene:
    """The fork before ``bump``, of a team that says how it works in ``invoke.yaml``."""
    hub = _up_to_date(scene).hub
    hub.write(
        "invoke.yaml",
        """\
hub:
  labels: [hub-images, jupyterhub-deployment, announce]
  reviewers: [your-org/hub-team]
  next_steps:
    - Merge {pull_request}
    - Sign in to https://staging.hub.example.edu and start a server
    - Open the pull request from staging to prod, and announce z2jh {version}
""",
    )
    hub.commit("Say how we work")
    hub.git("push", "--quiet", "upstream", "staging")
    return scene


def _merged(scene: Scene) -> Scene:
    """The fork after a first move whose pull request was merged as one commit, and another ``bump``."""
    _up_to_date(scene).type("bump", "--to", "3.3.7")
    scene.type("commit", "--pr")
    colleague = Hub(scene.home / "colleague", scene.home / "upstream.git")
    colleague.git("fetch", "--quiet", str(scene.hub.remote), "bump-z2jh-3.3.7")
    colleague.git("merge", "--quiet", "--squash", "FETCH_HEAD")
    colleague.git("commit", "--quiet", "--message", "Move z2jh to 3.3.7 (#1)")
    colleague.git("push", "--quiet")
    scene.type("bump")
    return scene


def _committed(scene: Scene) -> Scene:
    """The usual one after ``bump`` and ``commit``."""
    _usual(scene).type("bump", "commit")
    return scene


def _released(scene: Scene) -> Scene:
    """The usual one after ``release --push``: a copy of what is made once."""
    folder = scene.around.folder
    name = folder / "path"
    if not name.exists():
        first = replace(scene, home=folder)
        _usual(first).type("release", "--yes", "--push")
        name.write_text(first.path)
    copied(Hub(folder / FOLDER, folder / f"{FOLDER}.git"), scene.hub)
    return replace(scene, path=name.read_text())


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
    released = _released(scene)
    scene.hub.edit("hub/requirements.yaml", "version: 3.3.8", "version: 3.3.7")
    scene.hub.commit("Bump z2jh")
    return released


def _held(scene: Scene) -> Scene:
    """A released hub repository that holds the proxy at another version than the chart's."""
    released = _released(scene)
    scene.hub.edit("hub/values.yaml", "  singleuser:\n", "  proxy: {chp: {image: {tag: 4.6.2}}}\n  singleuser:\n")
    scene.hub.commit("Take a newer proxy")
    return released


def _shared(scene: Scene) -> Scene:
    """A hub repository with two hub images at one values path, which names the first."""
    _usual(scene)
    path = "        valuesPath: jupyterhub.hub.image\n"
    second = f"{path}      hub-authz:\n        contextPath: images/hub\n{path}"
    scene.hub.edit("chartpress.yaml", path, second)
    name = f"{scene.around.registry}/{scene.path}/core/hub"
    scene.hub.edit("hub/values.yaml", "      name:\n      tag:\n", f"      name: {name}\n      tag: 0.0.1\n")
    scene.hub.commit("Add an image")
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


def _found(scene: Scene) -> Scene:
    """A repository with a chart and its hub image, and no chartpress.yaml; the usual one's values name it."""
    _bare(scene)
    scene.hub.write("images/site-hub/Dockerfile", f"FROM {scene.around.base}:3.2.1\nCOPY Dockerfile /\n")
    image = f"{scene.around.registry}/{scene.path}/core/site-hub"
    scene.hub.edit(
        "hub/values.yaml", "    config: {}\n", f"    image:\n      name: {image}\n      tag: pr-499\n    config: {{}}\n"
    )
    scene.hub.commit("Build our own hub image")
    return scene


def _alone(scene: Scene) -> Scene:
    """A repository with a hub image and no chart, which a Makefile deploys with z2jh's."""
    image = f"{scene.around.registry}/{scene.path}/core/hub"
    files = {
        "image/Dockerfile": f"FROM {scene.around.base}:3.2.1\nCOPY Dockerfile /\n",
        "config.yaml": f"hub:\n  image:\n    name: {image}\n    tag: 1.2.0\n",
        "Makefile": "deploy:\n\thelm upgrade --install hub jupyterhub/jupyterhub --version 3.2.1 -f config.yaml\n",
    }
    at(make_repository(scene.hub.path, files), ON_GITHUB)
    return replace(scene, env={**scene.env, "INVOKE_HUB_CHART_REPOSITORY": scene.around.charts})


def _empty(scene: Scene) -> Scene:
    """A repository with nothing of a hub in it, and a Helm repository for it."""
    at(make_repository(scene.hub.path, {"README.md": "# Our hubs\n"}), ON_GITHUB)
    return replace(scene, env={**scene.env, "INVOKE_HUB_CHART_REPOSITORY": scene.around.charts})


def _google(scene: Scene) -> Scene:
    """A hub repository whose image goes to Google's Artifact Registry, on a machine where nobody has signed in."""
    _usual(scene)
    scene.hub.edit("chartpress.yaml", f"{scene.around.registry}/{scene.path}", GOOGLE)
    scene.hub.commit("Push to Google")
    return scene


def _cluster(scene: Scene) -> Scene:
    """The usual one, with a Docker context ``cluster`` that leads to this machine's engine."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    sh("docker", "context", "create", "cluster", "--docker", f"host={host}", cwd=scene.home)
    return _committed(scene)


def _signing(scene: Scene) -> Scene:
    """The usual one after ``bump`` and ``commit``, with a pair of keys that images are signed with."""
    _usual(scene)
    made = run("cosign", "generate-key-pair", cwd=scene.hub.path, env={"COSIGN_PASSWORD": "tulip"})
    assert made.code == 0, made
    scene.hub.write(".gitignore", "*.key\n")
    scene.hub.write("invoke.yaml", "hub: {sign: cosign.key, verify: cosign.pub}\n")
    scene.hub.commit("Sign the images")
    scene.type("bump", "commit")
    return scene


def _deployments(scene: Scene) -> Scene:
    """A hub repository with two deployments, z2jh's real charts in a folder, and the real helm."""
    charts = write_real_repository(scene.home / "charts")
    registry = f"{scene.around.registry}/{scene.path}"
    made = {"base": scene.around.base, "registry": registry, "chart_repository": charts.as_uri()}
    hub = make_hub(scene.hub.path, **made)
    folder = "deployments/edx"
    hub.write(f"{folder}/hubploy.yaml", "images: {}\n")
    hub.write(f"{folder}/config/common.yaml", "jupyterhub:\n  hub:\n    concurrentSpawnLimit: 20\n")
    hub.write(f"{folder}/config/prod.yaml", "jupyterhub:\n  hub:\n    cookieSecret: '0123'\n")
    hub.write(f"{folder}/config/staging.yaml", "jupyterhub:\n  debug:\n    enabled: true\n")
    hub.write(f"{folder}/secrets/prod.yaml", "jupyterhub: ENC[AES256_GCM]\nsops:\n  mac: ENC[AES256_GCM]\n")
    hub.commit("Add a deployment")
    hub.git("push", "--quiet")
    at(hub, ON_GITHUB)
    path = os.pathsep.join((str(HELMS["4"].parent), scene.env["PATH"]))
    cache = str(scene.home / "cache")
    return replace(
        scene, env={**scene.env, "PATH": path, "INVOKE_HUB_CACHE_FOLDER": cache, "INVOKE_HUB_PREVIEW": "true"}
    )


def _misspelt(scene: Scene) -> Scene:
    """The same with a key that no chart knows."""
    ready = _deployments(scene)
    scene.hub.edit("deployments/edx/config/prod.yaml", "cookieSecret:", "cookieSecrets:")
    scene.hub.commit("Set the cookies' secret")
    scene.hub.git("update-ref", "refs/remotes/origin/main", "main")
    return ready


def _attested(scene: Scene) -> Scene:
    """The usual one with provenance wanted."""
    _usual(scene)
    scene.hub.write("invoke.yaml", "hub: {attest: [provenance]}\n")
    return scene


SCENES: dict[str, Callable[[Scene], Scene]] = {
    "": _usual,
    "alone": _alone,
    "attested": _attested,
    "bare": _bare,
    "behind": _behind,
    "beside": _beside,
    "bumped": _bumped,
    "cluster": _cluster,
    "committed": _committed,
    "deployments": _deployments,
    "empty": _empty,
    "fork": _fork,
    "found": _found,
    "google": _google,
    "half": _half,
    "merged": _merged,
    "misspelt": _misspelt,
    "held": _held,
    "released": _released,
    "shared": _shared,
    "signing": _signing,
    "squashed": _squashed,
    "team": _team,
}
