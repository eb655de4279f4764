"""A Helm repository: its index, and the archives of its releases."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..faults import Fault, Unreachable
from .address import Address
from .cache import Cache
from .fetch import Fetcher
from .index import Index, read_index
from .limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..image.reference import Reference
    from .document import Data
    from .release import Release

# The folders of a mirror in which archives lie.
_MIRRORED = ("", "charts/")


class HelmRepository:
    """What a Helm repository offers of one chart.

    Args:
        url: the repository's address: ``https:``, ``http:`` on this machine, ``file:``, or a folder's path.
        cache: the folder to keep in what was fetched; None keeps nothing.
        chart: the chart's name.
        limits: the bounds of each fetch.
        asked: whether the user asked for this very address, be it plain http to another machine.

    Raises:
        Unusable: ``url`` is no such address.
        Refused: ``url`` is plain http to another machine, and nobody asked for it.
    """

    def __init__(
        self,
        url: str,
        cache: Path | None,
        chart: str = "jupyterhub",
        limits: Limits | None = None,
        *,
        asked: bool = False,
    ) -> None:
        self._address = Address.parse(url, asked=asked)
        self._chart = chart
        self._cache = Cache(cache) if cache else None
        self._fetcher = Fetcher(self._cache, limits or Limits())

    @property
    def is_plain(self) -> bool:
        """Whether it is reached over plain http beyond this machine: then anybody on the way can change it."""
        return self._address.is_plain

    def index(self) -> Index:
        """Fetch and read the repository's ``index.yaml``.

        Raises:
            Denied: access is denied.
            Unreachable: no usable index came.
        """
        address = self._address.below("index.yaml")
        return read_index(self._fetcher.page(address), str(address), self._chart)

    def kept_index(self) -> Index | None:
        """Read the index that was fetched last; None where none is kept. The server is not asked.

        Raises:
            Unreachable: what is kept is no usable index.
        """
        address = self._address.below("index.yaml")
        body = self._fetcher.kept(address)
        return read_index(body, str(address), self._chart) if body is not None else None

    def archive(self, release: Release) -> bytes:
        """Fetch a release's archive, from the first of its addresses that has it.

        Raises:
            Denied: access is denied.
            Unreachable: no address has it, or it does not have the digest that the index names.
        """
        digest = (release.digest or "").lower().removeprefix("sha256:")
        kept = self._cache.archive(digest) if self._cache else None
        if kept is not None:
            return kept
        body, address = self._first_that_answers(release)
        if digest and sha256(body).hexdigest() != digest:
            raise Unreachable(
                f"archive {address.name} does not have the digest that the index names",
                where=address,
                hint="choose another release with --to VERSION, and tell those who keep the repository",
            )
        if self._cache:
            self._cache.keep_archive(digest, body)
        return body

    def hub_image(self, release: Release) -> Reference:
        """Return the hub image that a release uses: the one its entry names, else the one in its archive.

        Raises:
            Denied, Unreachable: the entry names none, and neither does an archive that could be fetched.
        """
        if release.hub_image is not None:
            return release.hub_image
        from .archive import hub_image_in  # noqa: PLC0415 - brings the YAML library, rarely needed

        return hub_image_in(self.archive(release), f"{self._chart} {release.version}")

    def values(self, release: Release) -> Data:
        """Return the values that a release's chart comes with, as plain data.

        Raises:
            Denied, Unreachable: no usable archive came.
        """
        from .archive import values_in  # noqa: PLC0415 - brings the YAML library, rarely needed

        return values_in(self.archive(release), f"{self._chart} {release.version}")

    def _first_that_answers(self, release: Release) -> tuple[bytes, Address]:
        """Return an archive's bytes, and the address that they came from."""
        last = Unreachable(
            f"the index names no address for the archive of {self._chart} {release.version} that can be used",
            where=self._address.below("index.yaml"),
            hint="choose another release with --to VERSION",
        )
        for address in self._addresses(release):
            try:
                return self._fetcher.stored(address), address
            except Unreachable as fault:  # noqa: PERF203 - the next address may have it
                last = fault
        raise last

    def _addresses(self, release: Release) -> Iterator[Address]:
        """Yield where a release's archive may be.

        A repository whose index names another host may be a mirror that copied the index as it was: the file
        of that name is looked for in its own folders first.
        """
        for url in release.urls:
            try:
                address = self._address.resolved(url)
            except Fault:
                continue
            if address.host != self._address.host and "/" not in unquote(address.name):
                yield from (self._address.below(folder + address.name) for folder in _MIRRORED)
            yield address
