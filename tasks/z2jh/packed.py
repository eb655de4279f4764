"""Unpacking gzip within a bound."""

from __future__ import annotations

import gzip
import zlib
from io import BytesIO

from .limits import TooLarge


class NotGzip(Exception):  # noqa: N818 - says what is wrong with the data
    """The data is not gzip, or is cut off."""


def unpacked(data: bytes, limit: int) -> bytes:
    """Return what a gzip file holds, at most ``limit`` bytes.

    Raises:
        TooLarge: it holds more.
        NotGzip: it is no gzip file, or not a whole one.
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            plain = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise NotGzip from error
    if len(plain) > limit:
        raise TooLarge
    return plain
