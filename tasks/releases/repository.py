"""A Helm repository: its index, the archives of its releases, and a cache of both.

An archive's layout: https://helm.sh/docs/topics/charts/#the-chart-file-structure, and tar's format:
https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import contextlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

import platformdirs

from ..core.faults import Fault, Unreachable, Unusable
from ..core.http import Address, Limits, NotGzip, Page, TooLarge, get, unpacked
from ..core.names import Reference
from ..core.safe_files import expand_home, read_file
from ..core.settings import Settings
from ..core.yaml_tree import Data, child, load, text_under
from .index import Index, Release, read_index

LARGEST_ARCHIVE = 64 * 1024 * 1024
_USUAL = Limits()
_LARGEST_KEPT = 64 * 1024 * 1024 + 4096
# The folders of a mirror that may contain archives.
_MIRRORED = ("", "charts/")
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


@dataclass(frozen=True)
class HelmRepository:
    """A chart in a Helm repository; ``cache`` keeps downloads."""

    address: Address
    cache: Cache
    chart: str = "jupyterhub"
    limits: Limits = _USUAL

    @classmethod
    def of(cls, settings: Settings, address: str) -> HelmRepository:
        """Return the dependency's repository at ``address``, which may be that of its index.

        Raises Refused for plain http to another machine, unless the settings name it.
        """
        own, asked = settings.cache_folder, settings.chart_repository is not None
        cache = expand_home(own) if own else platformdirs.user_cache_path("hubpress")
        parsed = Address.parse(address.removesuffix("index.yaml"), asked=asked)
        return cls(parsed, Cache(cache), settings.dependency)

    @property
    def _index(self) -> Address:
        return self.address.below("index.yaml")

    def index(self) -> Index:
        """Fetch and parse the repository's ``index.yaml``."""
        return read_index(self.cache.fetch(self._index, self.limits), str(self._index), self.chart)

    def kept_index(self) -> Index | None:
        """Return the index that was fetched last from the cache, or None; a local index is read as it is."""
        page = get(self._index, self.limits) if self._index.is_file else self.cache.page(self._index.url)
        return read_index(page.body, str(self._index), self.chart) if page else None

    def archive(self, release: Release) -> bytes:
        """Fetch a release's archive from the first of its addresses that answers."""
        digest = (release.digest or "").lower().removeprefix("sha256:")
        if digest and (kept := self.cache.page(f"archive {digest}")):
            return kept.body
        body, address = self._first_that_answers(release)
        if digest and sha256(body).hexdigest() != digest:
            raise Unreachable(
                f"archive {address.name} does not have the digest that the index names",
                where=address,
                hint="choose another release with --to VERSION, and tell those who keep the repository",
            )
        if digest:
            self.cache.keep_page(f"archive {digest}", Page(body))
        return body

    def base_image(self, release: Release) -> Reference:
        """Return a release's base image, z2jh's hub image, from its entry in the index, else from its archive."""
        return release.base_image or base_image_in(self.archive(release), f"{self.chart} {release.version}")

    def values(self, release: Release) -> Data:
        """Return the default values of a release's chart."""
        return _values_in(self.archive(release), f"{self.chart} {release.version}")

    def _first_that_answers(self, release: Release) -> tuple[bytes, Address]:
        addresses = []
        for url in release.urls:
            with contextlib.suppress(Fault):
                address = self.address.resolved(url)
                # The repository may be a mirror of the host in the index: try the mirror first.
                if address.host != self.address.host and "/" not in unquote(address.name):
                    addresses += [self.address.below(folder + address.name) for folder in _MIRRORED]
                addresses.append(address)
        what = f"the index names no address for the archive of {self.chart} {release.version} that can be used"
        last = _unusable(what, str(self._index))
        for address in addresses:
            try:
                return get(address, self.limits, exact=True).body, address
            except Unreachable as fault:  # noqa: PERF203 - try the next address
                last = fault
        raise last


class Cache(NamedTuple):
    """Pages by address, or another key, in a folder that is created on the first write."""

    folder: Path

    def fetch(self, address: Address, limits: Limits) -> bytes:
        """Fetch a page; a server sends it only if it has changed since it was cached."""
        kept = self.page(address.url)
        page = get(address, limits, kept)
        if page is not kept and (page.etag or page.last_modified):
            self.keep_page(address.url, page)
        return page.body

    def page(self, url: str) -> Page | None:
        """Return the cached page, or None, also if its file is damaged."""
        try:
            digest, _, written = read_file(self._file(url), _LARGEST_KEPT).partition(b"\n")
        except OSError:
            return None
        if digest != sha256(written).hexdigest().encode():
            return None
        validators, _, body = written.partition(b"\n")
        return Page(body, *json.loads(validators))

    def keep_page(self, url: str, page: Page) -> None:
        """Cache a page for its address, if the folder can be written.

        If two runs write the same page, the last one wins.
        """
        written = json.dumps(page[1:]).encode() + b"\n" + page.body
        file = self._file(url)
        part = file.with_suffix(".part")
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                part.write_bytes(sha256(written).hexdigest().encode() + b"\n" + written)
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)

    def _file(self, url: str) -> Path:
        return self.folder / f"page-{sha256(url.encode()).hexdigest()}"


def base_image_in(data: bytes, where: str) -> Reference:
    """Return the image at ``hub.image`` in ``values.yaml`` of a chart's archive (``.tgz``)."""
    image = child(child(_values_in(data, where), "hub"), "image")
    name, tag = text_under(image, "name"), text_under(image, "tag")
    if not name or not tag:
        raise _unusable("values.yaml in the archive names no hub image at hub.image", where)
    try:
        return Reference.parse(f"{name}:{tag}")
    except Unusable as error:
        raise _unusable(f"values.yaml in the archive: {error.what}", where) from error


def _values_in(data: bytes, where: str) -> Data:
    """Parse the chart's ``values.yaml``, a regular file in the archive's top folder."""
    try:
        for name, content in _regular_files(unpacked(data, LARGEST_ARCHIVE)):
            if PurePosixPath(name).parts[1:] == ("values.yaml",):
                return load(bytes(content).decode("utf-8", "replace"))
    except TooLarge:
        raise _unusable(f"the archive unpacks to more than {LARGEST_ARCHIVE // 2**20} MiB", where) from None
    except Unusable as error:
        raise _unusable(f"values.yaml in the archive cannot be read: {error.text}", where) from error
    except (NotGzip, tarfile.TarError, ValueError) as error:
        raise _unusable("not a chart archive", where) from error
    raise _unusable("the archive has no values.yaml", where)


def _regular_files(plain: bytes) -> Iterator[tuple[str, memoryview]]:
    """Yield the regular files of a tar archive by their headers, in linear time.

    Headers that extend others (pax records, GNU's long names) are passed over unread: they only matter for names
    of over 100 bytes and files of over 8 GiB, and ``tarfile`` searches pax records in quadratic time before
    Python 3.11.10 (CVE-2024-6232). Raises tarfile.TarError for what is not tar, or is cut off.
    """
    view, at = memoryview(plain), 0
    while True:
        block = plain[at : at + tarfile.BLOCKSIZE]
        if block and not block.strip(b"\0"):
            return
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        start = at + tarfile.BLOCKSIZE
        has_data = not (header.isdir() or header.issym() or header.islnk() or header.isdev())
        end = start + (header.size if has_data else 0)
        if not start <= end <= len(plain):
            raise tarfile.ReadError
        if header.type in _REGULAR:
            yield header.name, view[start:end]
        at = -(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _unusable(what: str, where: str) -> Unreachable:
    return Unreachable(what, where=where, hint="choose another release with --to VERSION")
