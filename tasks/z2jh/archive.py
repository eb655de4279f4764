"""The hub image that a chart's archive names, read in memory."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..faults import Unreachable, Unusable
from ..image.reference import Reference
from .document import Data, Unreadable, child, load, text_under
from .limits import TooLarge
from .packed import NotGzip, unpacked
from .tarred import NotTar, regular_files

LARGEST_ARCHIVE = 64 * 1024 * 1024
LARGEST_VALUES = 4 * 1024 * 1024
_DEPTH = 2


def hub_image_in(data: bytes, where: str) -> Reference:
    """Return the image that the chart's ``values.yaml`` sets at ``hub.image``.

    Args:
        data: the chart's archive (``.tgz``), see https://helm.sh/docs/topics/charts/#the-chart-file-structure.
        where: the address that it came from.

    Raises:
        Unreachable: the bytes are no chart archive, are larger unpacked than ``LARGEST_ARCHIVE``, or name no
            hub image.
    """
    image = child(child(values_in(data, where), "hub"), "image")
    name, tag = text_under(image, "name"), text_under(image, "tag")
    if not name or not tag:
        raise _unusable("values.yaml in the archive names no hub image at hub.image", where)
    try:
        return Reference.parse(f"{name}:{tag}")
    except Unusable as error:
        raise _unusable(f"values.yaml in the archive: {error.what}", where) from error


def values_in(data: bytes, where: str) -> Data:
    """Return the chart's ``values.yaml`` as plain data, scalars as they are written.

    Raises:
        Unreachable: as :func:`hub_image_in`.
    """
    try:
        return load(_values(data, where).decode())
    except (Unreadable, UnicodeDecodeError) as error:
        raise _unusable(f"values.yaml in the archive {_reason(error)}", where) from error


def _values(data: bytes, where: str) -> bytes:
    """Return the bytes of the chart's own values.yaml: only regular files count, and only in the top folder."""
    try:
        return _top_values(unpacked(data, LARGEST_ARCHIVE), where)
    except TooLarge:
        raise _unusable(f"the archive unpacks to more than {LARGEST_ARCHIVE // 2**20} MiB", where) from None
    except (NotGzip, NotTar) as error:
        raise _unusable("this is not a chart's archive", where) from error


def _top_values(plain: bytes, where: str) -> bytes:
    for file in regular_files(plain):
        parts = PurePosixPath(file.name).parts
        if len(parts) != _DEPTH or parts[1] != "values.yaml":
            continue
        if len(file.data) > LARGEST_VALUES:
            raise _unusable(f"values.yaml in the archive is over {LARGEST_VALUES // 2**20} MiB", where)
        return bytes(file.data)
    raise _unusable("the archive has no values.yaml", where)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Unreadable) else "is not text in UTF-8"


def _unusable(what: str, where: str) -> Unreachable:
    return Unreachable(what, where=where, hint="choose another release with --to VERSION")
