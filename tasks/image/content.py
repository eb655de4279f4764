"""``{content}``: a hash of all that an image depends on, in place of the commit that changed it last.

It is the same on every machine, in a shallow clone and before a commit, and changes only with the image.
"""

from __future__ import annotations

import hashlib
import json
import stat
from typing import TYPE_CHECKING

from ..faults import Refused, Unusable
from ..hubrepo.files import bytes_to_be
from .context import GIT, Context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..hubrepo.layout import Hub, HubImage
    from .proof import Base

DIGITS = 12
_CHUNK = 1024 * 1024


def content_hash(hub: Hub, image: HubImage, base: Base, platform: str) -> str:
    """Return the first 12 hexadecimal digits of a SHA-256 of what ``image`` depends on.

    That is: the context as Docker sees it (``.dockerignore`` applied; names, contents, which files can be executed,
    where links point), the Dockerfile, build arguments and options as chartpress.yaml has them, the base image
    itself, and the platform. Times and owners are left out: they differ from clone to clone.

    Raises:
        Unusable: the context is missing, or a file of it cannot be read, or a line of the ignore file.
        Refused: the context holds what changes with every build.
    """
    spec = image.spec
    whole = hashlib.sha256()
    settings = {
        "args": dict(spec.build_args),
        "base": base.found.digest or sorted(one.layers for one in base.found.platforms.values()),
        "options": spec.extra_options,
        "platform": platform,
    }
    whole.update(json.dumps(settings, sort_keys=True).encode())
    context = Context.of(hub, image)
    files = sorted(context.files())
    _require_stable(context, files)
    for path in (context.dockerfile, *files):
        name = "Dockerfile" if path == context.dockerfile else path.removeprefix(f"{context.path}/")
        whole.update(f"\0{name}\0{_file_hash(hub, path)}".encode())
    return whole.hexdigest()[:DIGITS]


def _require_stable(context: Context, files: Sequence[str]) -> None:
    """Check that a build does not change its own context: it would never be done.

    Raises:
        Refused: the context holds git's own files, or values that the build writes.
    """
    hub = context.hub
    written = {place.file for image in hub.images for place in hub.values_places(image)}
    changing = [GIT if file.startswith(f"{GIT}/") else file for file in files]
    for file in changing:
        if file == GIT or file in written:
            raise Refused(
                f"the build context holds {file}, so each build would make another {{content}}",
                where=context.path,
                hint=context.leaving_out(file),
            )


def _file_hash(hub: Hub, path: str) -> str:
    """Return the kind and hash of one file: of the bytes that a planned edit will leave, else of those on disk."""
    file = hub.git.folder / path
    planned = bytes_to_be(hub.files, path)
    try:
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"link {file.readlink()}"
        if not stat.S_ISREG(mode):
            return "special"
        kind = "program" if mode & stat.S_IXUSR else "file"
        return f"{kind} {hashlib.sha256(planned).hexdigest() if planned is not None else _hash_of(file)}"
    except OSError as err:
        raise Unusable(f"the file cannot be read: {err.strerror}", where=path, hint=f"ls -l {path}") from err


def _hash_of(file: Path) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()
