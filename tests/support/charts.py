"""Chart archives, good and bad."""

import gzip
import tarfile
from io import BytesIO

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
    """Return a chart's archive with these values."""
    return archive(entry("jupyterhub/Chart.yaml", b"name: jupyterhub\n"), entry("jupyterhub/values.yaml", values))


def extended(records: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Return the member whose records (pax) extend the header of the next one."""
    return entry("jupyterhub/PaxHeaders/x", records, type=tarfile.XHDTYPE)
