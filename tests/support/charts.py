"""Chart archives, good and bad, and the real Helm repository of October 2024 from ``tests/data``."""

import gzip
import lzma
import shutil
import tarfile
from functools import cache
from io import BytesIO
from pathlib import Path

VALUES = b"""\
hub:
  image:
    name: quay.io/jupyterhub/k8s-hub
    tag: "3.3.8"
"""


def entry(name: str, content: bytes = b"", **header: object) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive; ``header`` overrides what its header says."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in header.items():
        setattr(member, key, value)
    return member, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return the archive of these members, always the same bytes."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, content in members:
            tar.addfile(member, BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def chart(values: bytes = VALUES) -> bytes:
    return archive(entry("jupyterhub/Chart.yaml", b"name: jupyterhub\n"), entry("jupyterhub/values.yaml", values))


# -- the real Helm repository of October 2024, and the files of a real hub, from ``tests/data``


DATA = Path(__file__).parents[1] / "data"
# github.com/cal-icor/cal-icor-hubs: chartpress.yaml and the chart in hub/, which has no Dockerfiles.
CAL_ICOR = DATA / "cal-icor"
# https://jupyterhub.github.io/helm-chart/: entries of jupyterhub in its index.
LENGTH = 1058


@cache
def real_index() -> bytes:
    """Return ``index.yaml``, with the charts binderhub, jupyterhub and pebble."""
    return lzma.decompress((DATA / "index.yaml.xz").read_bytes())


@cache
def real_values() -> dict[str, bytes]:
    """Return the ``values.yaml`` of some releases by their versions."""
    found = {}
    with tarfile.open(DATA / "values.tar.xz") as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                found[Path(member.name).stem] = file.read()
    return found


def write_real_index(folder: Path) -> Path:
    """Write ``index.yaml`` into a folder, which is made, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.yaml").write_bytes(real_index())
    return folder


def write_real_repository(folder: Path) -> Path:
    """Write ``index.yaml`` and the archives of 3.2.1, 3.3.8 and 4.0.0-beta.4 into a folder, and return it."""
    shutil.copytree(DATA / "charts", folder / "charts")
    return write_real_index(folder)
