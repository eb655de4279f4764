"""Hub repositories: real git clones with a bare remote beside them."""

import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .cli import sh

# Nobody listens there: an image name with it can be computed and compared, and neither pulled nor pushed.
NO_REGISTRY = "127.0.0.1:1"
REAL_CHARTS = "https://hub.jupyter.org/helm-chart/"
REQUIREMENTS = "# Authenticators that z2jh's image does not bring along.\njupyterhub-nativeauthenticator~=1.3.0\n"
ON_GITHUB = "https://github.com/org/hubs.git"


@dataclass(frozen=True)
class Hub:
    """A clone of a hub repository."""

    path: Path
    remote: Path

    def git(self, *arguments: str) -> str:
        """Run git in the clone and return its output without the last line break."""
        return sh("git", *arguments, cwd=self.path)

    def remote_git(self, *arguments: str) -> str:
        """Run git in the remote and return its output without the last line break."""
        return sh("git", *arguments, cwd=self.remote)

    def read(self, name: str) -> str:
        """Return a file's text, its line ends as they are."""
        return (self.path / name).read_bytes().decode()

    @property
    def prefix(self) -> str:
        """What the names of its images begin with: the prefix in its chartpress.yaml."""
        return self.read("chartpress.yaml").partition("imagePrefix: ")[2].partition("\n")[0]

    def write(self, name: str, text: str) -> None:
        """Write a file as it is given, its folders included."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where ``old`` stands in a file."""
        text = self.read(name)
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} stands {text.count(old)} times in {name}")
        self.write(name, text.replace(old, new))

    def commit(self, message: str) -> str:
        """Commit everything and return the short hash, as chartpress abbreviates it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("log", "-1", "--pretty=%h")

    def put(self, name: str, text: str) -> None:
        """Write a file, and commit it."""
        self.write(name, text)
        self.commit(f"Write {name}")

    def change(self, name: str, old: str, new: str) -> None:
        """Replace the one place where ``old`` stands in a file, and commit that."""
        self.edit(name, old, new)
        self.commit(f"Change {name}")

    def snapshot(self) -> dict[str, bytes]:
        """Return every file of the work tree with its bytes: what must be the same when a task refuses."""
        files = (path for path in self.path.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in sorted(files)}

    def subjects(self, revision: str = "HEAD") -> list[str]:
        """Return the subjects of the commits up to ``revision``, newest first."""
        return self.git("log", "--pretty=%s", revision).splitlines()


def make_hub(
    path: Path,
    *,
    version: str = "3.2.1",
    base: str = "quay.io/jupyterhub/k8s-hub",
    registry: str = NO_REGISTRY,
    chart_repository: str = REAL_CHARTS,
) -> Hub:
    """Make a hub repository as this project's own is: one chart, one image, nothing built yet."""
    return make_repository(
        path,
        {
            "chartpress.yaml": f"""\
charts:
  - name: hub
    imagePrefix: {registry}/core/
    images:
      hub:
        valuesPath: jupyterhub.hub.image
""",
            "hub/Chart.yaml": 'apiVersion: v1\nappVersion: "1.0"\ndescription: Our hub\nname: hub\nversion: 0.0.1\n',
            "hub/requirements.yaml": f"""\
dependencies:
  - name: jupyterhub
    # images/hub/Dockerfile inherits from this release's hub image.
    version: {version}
    repository: {chart_repository}
""",
            "hub/values.yaml": """\
jupyterhub:
  hub:
    # Written by `invoke build`.
    image:
      name:
      tag:
    config:
      JupyterHub:
        authenticator_class: native
  singleuser:
    memory: {guarantee: 256M}
""",
            "images/hub/Dockerfile": f"""\
# The hub image: z2jh's own, with our authenticator.
FROM {base}:{version}

USER root
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt

USER ${{NB_USER}}
""",
            "images/hub/requirements.txt": REQUIREMENTS,
        },
    )


def chart_yaml(repository: str, version: str = "3.2.1", name: str = "jupyterhub") -> str:
    """Return the Chart.yaml of a chart that depends on one of a Helm repository."""
    return f"""\
apiVersion: v2
name: hub
version: 0.1.0
dependencies:
  - name: {name}
    version: {version}
    repository: {repository}
"""


def make_repository(path: Path, files: Mapping[str, str]) -> Hub:
    """Make a clone with ``files`` in one commit on ``main``, pushed to a bare remote whose HEAD is ``main``.

    It is what git leaves after ``init``, ``commit``, ``push --set-upstream`` and ``remote set-head``, of which only the
    commit is made anew: the tests make hundreds of them.
    """
    empty = Path(_empty_clone().name)
    hub = copied(Hub(empty / "hub", empty / "hub.git"), Hub(path, path.with_name(f"{path.name}.git")))
    for name, text in files.items():
        hub.write(name, text)
    hub.git("add", "--all")
    hub.git("commit", "--quiet", "--message", "Set up the hub")
    shutil.copytree(hub.path / ".git/objects", hub.remote / "objects", dirs_exist_ok=True)
    for reference in (hub.remote / "refs/heads/main", hub.path / ".git/refs/remotes/origin/main"):
        shutil.copy(hub.path / ".git/refs/heads/main", reference)
    return hub


def copied(hub: Hub, copy: Hub) -> Hub:
    """Copy a repository and its remote to the places that ``copy`` names, and return it."""
    shutil.copytree(hub.path, copy.path, symlinks=True)
    shutil.copytree(hub.remote, copy.remote, symlinks=True)
    copy.edit(".git/config", str(hub.remote), str(copy.remote))
    return copy


def clone(remote: Path, folder: Path) -> Hub:
    """Clone a bare repository into ``folder``, as a colleague does."""
    sh("git", "clone", "--quiet", str(remote), str(folder), cwd=remote.parent)
    return Hub(folder, remote)


@cache
def _empty_clone() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with a clone that has a remote and no commit; it goes when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="hubpress-empty-")
    hub = Hub(Path(folder.name, "hub"), Path(folder.name, "hub.git"))
    sh("git", "init", "--quiet", "--bare", "--initial-branch=main", str(hub.remote), cwd=Path(folder.name))
    sh("git", "clone", "--quiet", str(hub.remote), str(hub.path), cwd=Path(folder.name))
    hub.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    for sample in Path(folder.name).rglob("*.sample"):
        sample.unlink()
    return folder


def at(hub: Hub, address: str) -> None:
    """Give the hub's remote another address; git still finds it where it is."""
    hub.git("remote", "set-url", "origin", address)
    hub.git("config", f"url.{hub.remote}.insteadOf", address)


# -- hub repositories whose images a test writes down itself


BASE = "BASE"
FROM_BASE = f"FROM {BASE}\n"
IMAGE = "jupyterhub: {hub: {image: {name: , tag: }}}\n"


@dataclass(frozen=True)
class Maker:
    """Makes repositories of one chart, ``hub``, on 3.2.1."""

    folder: Path
    prefix: str
    mirror: str
    charts: str

    def __call__(self, images: str, files: dict[str, str], values: str = IMAGE) -> Hub:
        listed = textwrap.indent(textwrap.dedent(images), "    ")
        base = f"{self.mirror}:3.2.1"
        return make_repository(
            self.folder / "hub",
            {
                "chartpress.yaml": f"charts:\n- name: hub\n  imagePrefix: {self.prefix}/\n  images:\n{listed}",
                "hub/Chart.yaml": chart_yaml(self.charts),
                "hub/values.yaml": values,
                **{name: text.replace(BASE, base) for name, text in files.items()},
            },
        )
