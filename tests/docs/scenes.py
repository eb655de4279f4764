"""Where the documents' commands are typed: hub repositories, with all that they reach out to on this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.charts import write_real_repository
from tests.support.cli import INVOKE, run, sh, succeed
from tests.support.gh import StandInGh
from tests.support.hubs import Hub, at, chart_yaml, copied, make_hub, make_repository
from tests.support.machine import HELMS
from tests.support.processes import write_program
from tests.support.registry import sign_in
from tests.support.steps import BRANCH, squash
from tests.support.team import Team, make_team

HOME = "/home/you"
FOLDER = "my-hubs"
REGISTRY, CHARTS, BASE = "registry.example.edu", "https://hub.jupyter.org/helm-chart/", "quay.io/jupyterhub/k8s-hub"
ON_GITHUB = "https://github.com/your-org/my-hubs.git"
GOOGLE = "us-central1-docker.pkg.dev/your-project"


@dataclass
class Scene:
    """A place where commands are typed, and what its hub repository reaches out to, on this machine.

    In ``shared`` is what several scenes begin with; ``path`` is that of its images in the registry.
    """

    registry: str
    base: str
    charts: str
    programs: Path
    shared: Path
    home: Path = Path()
    cwd: Path = Path()
    path: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def hub(self) -> Hub:
        return Hub(self.home / FOLDER, self.home / f"{FOLDER}.git")

    def as_documented(self, text: str) -> str:
        """Return ``text`` with the names that stand in the documents for what is only here."""
        names = {
            self.base: BASE,
            f"{self.registry}/{self.path}": REGISTRY,
            f"{self.registry.replace(':', '-')}/{self.path}": REGISTRY,
            self.registry: REGISTRY,
            self.charts: CHARTS,
            str(self.home): HOME,
            f"{self.home.name}/": "",
        }
        for here, documented in names.items():
            text = text.replace(here, documented)
        return text

    def type(self, *words: str) -> None:
        """Run a task in the hub, and demand success."""
        succeed(*words, cwd=self.hub.path, env=self.env)


def make_scene(name: str, home: Path, around: Scene) -> Scene:
    """Make the scene that a document names, in a new ``home``; the empty name is the usual one."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    (programs / "hubpress").symlink_to(around.programs / "hubpress")
    write_program(programs, "invoke", f'exec {" ".join(INVOKE)} "$@"')
    StandInGh.install(home / "gh")
    path = os.pathsep.join((str(programs), str(home / "gh"), os.environ["PATH"]))
    # CI: nothing turns while something is waited for. The builder's own progress is left out of the documents.
    (home / "tmp").mkdir()
    env = {"PATH": path, "TMPDIR": str(home / "tmp"), "CI": "true", "BUILDKIT_PROGRESS": "plain"}
    sign_in(around.registry, "you", "your password")
    scene = replace(around, home=home, cwd=home / FOLDER, path=home.name, env=env)
    SCENES[name](scene)
    return scene


def usual(scene: Scene) -> None:
    """A hub repository on 3.2.1, on its default branch, everything committed."""
    prefix = f"{scene.registry}/{scene.path}"
    at(make_hub(scene.hub.path, base=scene.base, registry=prefix, chart_repository=scene.charts), ON_GITHUB)


def beside(scene: Scene) -> None:
    """The usual hub repository, and a clone of this project beside it in which one stands."""
    usual(scene)
    scene.cwd = scene.home / "hubpress"
    scene.cwd.mkdir()


def then(first: Callable[[Scene], object], *words: str) -> Callable[[Scene], None]:
    """Return the making of a scene after tasks were typed in it."""

    def make(scene: Scene) -> None:
        first(scene)
        scene.type(*words)

    return make


def forked(scene: Scene) -> Team:
    """The usual one as a clone of a fork, up to date with ``staging`` of the remote ``upstream``."""
    usual(scene)
    return make_team(scene.hub, scene.home, upstream=ON_GITHUB, fork="https://github.com/you/my-hubs.git")


def behind(scene: Scene) -> None:
    """The fork's clone when ``staging`` of ``upstream`` has one more commit."""
    forked(scene).work("notes.txt")


def team(scene: Scene) -> None:
    """The fork's clone before ``bump``, of a team that says how it works in ``invoke.yaml``."""
    forked(scene)
    scene.hub.put(
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
    scene.hub.git("push", "--quiet", "upstream", "staging")


def merged(scene: Scene) -> None:
    """The fork's clone after a move whose pull request was merged as one commit, and another ``bump``."""
    made = forked(scene)
    scene.type("bump", "--to", "3.3.7")
    scene.type("commit", "--pr")
    made.merge("bump-z2jh-3.3.7", squash=True)
    scene.type("bump")


def released(scene: Scene) -> None:
    """The usual one after ``release --push``: a copy of what is made once."""
    first, name = replace(scene, home=scene.shared), scene.shared / "path"
    if not name.exists():
        usual(first)
        first.type("release", "--yes", "--push")
        name.write_text(first.path)
    copied(first.hub, scene.hub)
    scene.path = name.read_text()


def squashed(scene: Scene) -> None:
    """The usual one after ``release``, whose branch was merged as one commit and removed."""
    usual(scene)
    scene.type("release", "--yes")
    squash(scene.hub)
    scene.hub.git("branch", "--quiet", "--delete", "--force", BRANCH)


def changed(*change: str) -> Callable[[Scene], None]:
    """Return the making of a released hub repository in which somebody has changed a file."""

    def make(scene: Scene) -> None:
        released(scene)
        scene.hub.change(*change)

    return make


def shared(scene: Scene) -> None:
    """A hub repository with two hub images at one values path, which names the first."""
    usual(scene)
    path = "        valuesPath: jupyterhub.hub.image\n"
    second = f"{path}      hub-authz:\n        contextPath: images/hub\n{path}"
    scene.hub.edit("chartpress.yaml", path, second)
    name = f"{scene.registry}/{scene.path}/core/hub"
    scene.hub.change("hub/values.yaml", "      name:\n      tag:\n", f"      name: {name}\n      tag: 0.0.1\n")


def bare(scene: Scene) -> None:
    """A repository with a chart, and no hub image."""
    files = {"hub/Chart.yaml": chart_yaml(scene.charts), "hub/values.yaml": "jupyterhub:\n  hub:\n    config: {}\n"}
    at(make_repository(scene.hub.path, files), ON_GITHUB)


def found(scene: Scene) -> None:
    """A repository with a chart and its hub image, and no chartpress.yaml; the usual one's values name it."""
    bare(scene)
    scene.hub.write("images/site-hub/Dockerfile", f"FROM {scene.base}:3.2.1\nCOPY Dockerfile /\n")
    image = f"{scene.registry}/{scene.path}/core/site-hub"
    named = f"    image:\n      name: {image}\n      tag: pr-499\n    config: {{}}\n"
    scene.hub.change("hub/values.yaml", "    config: {}\n", named)


def alone(scene: Scene) -> None:
    """A repository with a hub image and no chart, which a Makefile deploys with z2jh's."""
    image = f"{scene.registry}/{scene.path}/core/hub"
    files = {
        "image/Dockerfile": f"FROM {scene.base}:3.2.1\nCOPY Dockerfile /\n",
        "config.yaml": f"hub:\n  image:\n    name: {image}\n    tag: 1.2.0\n",
        "Makefile": "deploy:\n\thelm upgrade --install hub jupyterhub/jupyterhub --version 3.2.1 -f config.yaml\n",
    }
    at(make_repository(scene.hub.path, files), ON_GITHUB)
    scene.env["INVOKE_HUB_CHART_REPOSITORY"] = scene.charts


def empty(scene: Scene) -> None:
    """A repository with nothing of a hub in it, and a Helm repository for it."""
    at(make_repository(scene.hub.path, {"README.md": "# Our hubs\n"}), ON_GITHUB)
    scene.env["INVOKE_HUB_CHART_REPOSITORY"] = scene.charts


def google(scene: Scene) -> None:
    """A hub repository whose image goes to Google's Artifact Registry, on a machine where nobody has signed in."""
    usual(scene)
    scene.hub.change("chartpress.yaml", f"{scene.registry}/{scene.path}", GOOGLE)


def cluster(scene: Scene) -> None:
    """The usual one, with a Docker context ``cluster`` that leads to this machine's engine."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    sh("docker", "context", "create", "cluster", "--docker", f"host={host}", cwd=scene.home)
    then(usual, "bump", "commit")(scene)


def signing(scene: Scene) -> None:
    """The usual one after ``bump`` and ``commit``, with a pair of keys that images are signed with."""
    usual(scene)
    made = run("cosign", "generate-key-pair", cwd=scene.hub.path, env={"COSIGN_PASSWORD": "tulip"})
    assert made.code == 0, made
    scene.hub.write(".gitignore", "*.key\n")
    scene.hub.write("invoke.yaml", "hub: {sign: cosign.key, verify: cosign.pub}\n")
    scene.hub.commit("Sign the images")
    scene.type("bump", "commit")


def deployments(scene: Scene) -> None:
    """A hub repository with two deployments, z2jh's real charts in a folder, and the real helm."""
    usual(scene)
    hub, folder = scene.hub, "deployments/edx"
    hub.edit("hub/requirements.yaml", scene.charts, write_real_repository(scene.home / "charts").as_uri())
    hub.write(f"{folder}/hubploy.yaml", "images: {}\n")
    hub.write(f"{folder}/config/common.yaml", "jupyterhub:\n  hub:\n    concurrentSpawnLimit: 20\n")
    hub.write(f"{folder}/config/prod.yaml", "jupyterhub:\n  hub:\n    cookieSecret: '0123'\n")
    hub.write(f"{folder}/config/staging.yaml", "jupyterhub:\n  debug:\n    enabled: true\n")
    hub.write(f"{folder}/secrets/prod.yaml", "jupyterhub: ENC[AES256_GCM]\nsops:\n  mac: ENC[AES256_GCM]\n")
    hub.commit("Add a deployment")
    hub.git("push", "--quiet")
    path = os.pathsep.join((str(HELMS["4"].parent), scene.env["PATH"]))
    scene.env |= {"PATH": path, "INVOKE_HUB_CACHE_FOLDER": str(scene.home / "cache"), "INVOKE_HUB_PREVIEW": "true"}


def misspelt(scene: Scene) -> None:
    """The same with a key that no chart knows."""
    deployments(scene)
    scene.hub.change("deployments/edx/config/prod.yaml", "cookieSecret:", "cookieSecrets:")
    scene.hub.git("update-ref", "refs/remotes/origin/main", "main")


def attested(scene: Scene) -> None:
    """The usual one with provenance wanted."""
    usual(scene)
    scene.hub.write("invoke.yaml", "hub: {attest: [provenance]}\n")


SCENES: dict[str, Callable[[Scene], None]] = {
    "": usual,
    "bumped": then(usual, "bump"),
    "committed": then(usual, "bump", "commit"),
    "fork": then(forked, "bump"),
    # The requirement alone was moved, and the proxy is held at another version than the chart's.
    "half": changed("hub/requirements.yaml", "version: 3.3.8", "version: 3.3.7"),
    "held": changed("hub/values.yaml", "  singleuser:", "  proxy: {chp: {image: {tag: 4.6.2}}}\n  singleuser:"),
    **{
        scene.__name__: scene
        for scene in (
            *(alone, attested, bare, behind, beside, cluster, deployments, empty, found),
            *(google, merged, misspelt, released, shared, signing, squashed, team),
        )
    },
}
