"""What was fetched before, kept in a folder of the user's.

Nothing depends on it: what is broken in it counts as not there, and what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..reading import read_file
from .web import Page, Validators

_DIGEST_LENGTH = 64
_PART = ".part-"
_LARGEST = 64 * 1024 * 1024 + 4096


class Cache(NamedTuple):
    """Pages by their address, archives by their digest.

    Attributes:
        folder: where they are kept; made when the first one is.
    """

    folder: Path

    def page(self, url: str) -> Page | None:
        """Return the page that was kept for an address, or None."""
        head, newline, body = (self._read(_page_name(url)) or b"").partition(b"\n")
        try:
            about = json.loads(head) if newline else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(about, dict) or about.get("sha256") != sha256(body).hexdigest():
            return None
        etag, modified = about.get("etag"), about.get("last_modified")
        return Page(body, Validators(etag, modified)) if _are_headers(etag, modified) else None

    def keep_page(self, url: str, page: Page) -> None:
        """Keep a page instead of the one that was kept for its address."""
        about = {**page.validators._asdict(), "sha256": sha256(page.body).hexdigest()}
        self._write(_page_name(url), json.dumps(about).encode() + b"\n" + page.body)

    def archive(self, digest: str) -> bytes | None:
        """Return the bytes of that SHA-256 (in hexadecimal), or None."""
        body = self._read(_archive_name(digest)) if _is_digest(digest) else None
        return body if body is not None and sha256(body).hexdigest() == digest else None

    def keep_archive(self, digest: str, body: bytes) -> None:
        """Keep bytes whose SHA-256 (in hexadecimal) is ``digest``."""
        if _is_digest(digest):
            self._write(_archive_name(digest), body)

    def _read(self, name: str) -> bytes | None:
        path = self.folder / name
        try:
            return read_file(path, _LARGEST)
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        """Put the file in place whole; a folder that cannot be written keeps nothing.

        Parts that a killed run left are removed. They may be another's that is at work: then that one keeps nothing.
        """
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self.folder.glob(f"{_PART}*"):
                left.unlink(missing_ok=True)
            handle, part = tempfile.mkstemp(prefix=_PART, dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(part, self.folder / name)  # noqa: PTH105 - mkstemp gives text
            finally:
                Path(part).unlink(missing_ok=True)


def _page_name(url: str) -> str:
    return f"page-{sha256(url.encode()).hexdigest()}"


def _archive_name(digest: str) -> str:
    return f"archive-{digest}.tgz"


def _is_digest(text: str) -> bool:
    return len(text) == _DIGEST_LENGTH and not text.strip("0123456789abcdef")


def _are_headers(*values: object) -> bool:
    """Whether each value is None, or text that may be sent as a header."""
    return all(
        value is None or (isinstance(value, str) and value.isascii() and value.isprintable()) for value in values
    )
