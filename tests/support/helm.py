"""Helm chart repositories: an index in the very shape that Helm writes, real archives, a server on loopback."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from textwrap import indent
from urllib.parse import unquote

from .charts import archive, entry
from .server import Asked, misbehaving, reply

# A program that stands in for helm and locks charts.
HELM_STAND_IN = Path(__file__).with_name("helm_stand_in.sh")


@dataclass(frozen=True)
class ChartRelease:
    """One release of the chart ``jupyterhub``.

    Attributes:
        version: the chart's version.
        app_version: JupyterHub's.
        kube_version: the Kubernetes that the chart needs.
        created: when it was published.
        image_tag: the hub image's tag; the version where it is empty.
        annotated: whether chart and index name the images.
    """

    version: str
    app_version: str
    kube_version: str
    created: str
    image_tag: str = ""
    annotated: bool = True

    @property
    def base_image(self) -> str:
        return f"quay.io/jupyterhub/k8s-hub:{self.hub_tag}"

    @property
    def hub_tag(self) -> str:
        return self.image_tag or self.version

    @property
    def file_name(self) -> str:
        return f"jupyterhub-{self.version}.tgz"


_DEV_5 = "5.0.0-0.dev.git"
_DEV_4 = "4.3.3-0.dev.git"
# As the real ones are, sorted as Helm sorts: newest version first.
RELEASES = (
    ChartRelease(f"{_DEV_5}.7340.h48ea50e3", "5.5.0", ">=1.32.0-0", "2026-07-24", f"{_DEV_5}.7334.hb9d05a1f"),
    ChartRelease("4.4.0", "5.5.0", ">=1.28.0-0", "2026-06-10"),
    ChartRelease(f"{_DEV_4}.7272.h2ff70453", "5.4.3", ">=1.28.0-0", "2026-02-20", f"{_DEV_4}.7263.h1d8bfb12"),
    ChartRelease("4.0.0-beta.4", "5.2.0", ">=1.28.0-0", "2024-10-15"),
    ChartRelease("3.3.8", "4.1.6", ">=1.23.0-0", "2024-07-31"),
    ChartRelease("3.3.7", "4.1.5", ">=1.23.0-0", "2024-04-09"),
    ChartRelease("3.2.1", "4.0.2", ">=1.23.0-0", "2023-11-27", annotated=False),
    ChartRelease("3.2.0", "4.0.2", ">=1.23.0-0", "2023-11-27"),
)


def chart_repository(folder: Path, releases: Sequence[ChartRelease] = RELEASES) -> None:
    """Write a chart repository into ``folder``: index.yaml, and an archive for each release."""
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for release in releases:
        content = chart_archive(release)
        (folder / release.file_name).write_bytes(content)
        digests[release.version] = hashlib.sha256(content).hexdigest()
    (folder / "index.yaml").write_text(index_text(releases, digests), encoding="utf-8")


def index_text(releases: Sequence[ChartRelease], digests: Mapping[str, str]) -> str:
    """Return an index as Helm writes it: keys in order, entries at two blanks, ``generated`` at the end."""
    charts = (_chart_yaml(one, one.created, digests[one.version], one.file_name) for one in releases)
    entries = "".join(f"  - {indent(chart, '    ').lstrip()}" for chart in charts)
    return f'apiVersion: v1\nentries:\n  jupyterhub:\n{entries}generated: "2026-07-24T11:45:31.263782848Z"\n'


def chart_archive(release: ChartRelease) -> bytes:
    """Return the release's archive: always the same bytes."""
    name, _, tag = release.base_image.rpartition(":")
    files = {
        "jupyterhub/Chart.yaml": _chart_yaml(release),
        "jupyterhub/values.yaml": f"""\
hub: {{config: {{}}, image: {{name: {name}, tag: "{tag}", pullPolicy: }}}}
proxy: {{chp: {{image: {{name: quay.io/jupyterhub/configurable-http-proxy, tag: "4.6.1"}}}}}}
singleuser: {{}}
""",
        "jupyterhub/templates/NOTES.txt": "Thank you for installing JupyterHub!\n",
    }
    return archive(*(entry(name, text.encode()) for name, text in files.items()))


@dataclass
class HelmServer:
    """A chart repository that answers over HTTP: what ``answers`` says of a path, else the file in ``folder``."""

    url: str
    folder: Path
    requests: list[str] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> bytes:
        """Answer with Last-Modified, and with 304 where the client has the file."""
        status, body, headers = HTTPStatus.NOT_FOUND, b"", {}
        file = self.folder / unquote(asked.path.partition("?")[0].lstrip("/"))
        if asked.path in self.answers:
            code, body = self.answers[asked.path]
            status = HTTPStatus(code)
        elif file.is_file():
            headers = {"Last_Modified": formatdate(int(file.stat().st_mtime), usegmt=True)}
            known = asked.headers.get("If-Modified-Since") == headers["Last_Modified"]
            status, body = (HTTPStatus.NOT_MODIFIED, b"") if known else (HTTPStatus.OK, file.read_bytes())
        self.requests.append(f"{asked} {status.value}")
        return reply(body, f"{status.value} {status.phrase}", **headers)


@contextmanager
def served(folder: Path) -> Iterator[HelmServer]:
    """Serve ``folder`` on a free port of 127.0.0.1 for as long as the block runs."""
    with misbehaving() as server:
        lab = HelmServer(f"{server.url}/", folder)
        server.keeper = lab.answer
        yield lab


def _chart_yaml(release: ChartRelease, created: str = "", digest: str = "", url: str = "") -> str:
    """Return Chart.yaml; with the index's own keys where they are given, since an entry is both in one."""
    images = f"- image: traefik:v2.11.0\n  name: traefik\n- image: {release.base_image}\n  name: k8s-hub\n"
    annotations = f"annotations:\n  artifacthub.io/images: |\n{indent(images, '    ')}"
    return (
        f"{annotations if release.annotated else ''}apiVersion: v2\nappVersion: {release.app_version}\n"
        + (f'created: "{created}T10:00:00.000000001Z"\n' if created else "")
        + "description: Multi-user Jupyter installation\n"
        + (f"digest: {digest}\n" if digest else "")
        + "home: https://z2jh.jupyter.org\nkeywords:\n- jupyter\n- jupyterhub\n- z2jh\n"
        + f"kubeVersion: '{release.kube_version}'\nname: jupyterhub\n"
        + "sources:\n- https://github.com/jupyterhub/zero-to-jupyterhub-k8s\n"
        + (f"urls:\n- {url}\n" if url else "")
        + f"version: {release.version}\n"
    )
