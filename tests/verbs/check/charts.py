"""A chart repository whose releases bring more images than the hub's, as the real ones do."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from ...support.helm import RELEASES, chart_archive, index_text

if TYPE_CHECKING:
    from pathlib import Path

VALUES = "jupyterhub/values.yaml"
PROXY = """\
proxy:
  chp:
    image:
      name: quay.io/jupyterhub/configurable-http-proxy
      tag: "4.6.1"
"""


def write_charts(folder: Path) -> None:
    """Write the lab's releases into ``folder``, each with an image of the proxy in its values."""
    digests = {}
    for release in RELEASES:
        archive = _with_proxy(chart_archive(release))
        (folder / release.file_name).write_bytes(archive)
        digests[release.version] = hashlib.sha256(archive).hexdigest()
    (folder / "index.yaml").write_text(index_text(RELEASES, digests))


def _with_proxy(archive: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as before, tarfile.open(fileobj=buffer, mode="w") as after:
        for member in before:
            file = before.extractfile(member)
            assert file is not None
            content = file.read() + (PROXY.encode() if member.name == VALUES else b"")
            header = tarfile.TarInfo(member.name)
            header.size = len(content)
            after.addfile(header, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)
