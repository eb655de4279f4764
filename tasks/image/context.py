"""An image's build context: the files that Docker sees."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..faults import Refused, Unusable
from ..hubrepo.credential_files import LARGEST, credential_in
from ..hubrepo.leftovers import is_half_written
from ..hubrepo.paths import join
from .dockerignore import IgnoreRules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..hubrepo.layout import Hub, HubImage

GIT = ".git"
MOST_LOOKED_AT = 10_000
_IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True)
class Context:
    """A build context; all paths are relative to the repository's top.

    Attributes:
        hub: the hub repository.
        path: its folder.
        dockerfile: the image's Dockerfile.
    """

    hub: Hub
    path: str
    dockerfile: str

    @classmethod
    def of(cls, hub: Hub, image: HubImage) -> Context:
        """Return the context of ``image``.

        Raises:
            Unusable: its folder is missing.
        """
        spec = image.spec
        context = cls(hub, join(hub.root, spec.context), join(hub.root, spec.dockerfile))
        if not (hub.git.folder / context.path).is_dir():
            hint = "mend contextPath in chartpress.yaml"
            raise Unusable("the build context is missing", where=context.path, hint=hint)
        return context

    def files(self, without: Collection[str] = ()) -> Iterator[str]:
        """Yield what Docker sees, the Dockerfile and folders with the names ``without`` left out.

        That is files, links and what else lies there.
        """
        return (path for path in self.below(without) if path != self.dockerfile and self.is_seen(path))

    def require_no_credentials(self) -> None:
        """Check that no file which Docker sees is a credential file: who gets the image would have it.

        Looked at are the first 10,000 files, of git's own folder its settings alone. Links are left alone, Docker does
        not follow them either.

        Raises:
            Refused: one is; the message names it.
        """
        settings = join(self.path, GIT, "config")
        for path in (*islice(self.files(without=(GIT,)), MOST_LOOKED_AT), *([settings] * self.is_seen(settings))):
            found = credential_in(path, _small_file(self.hub.git.folder / path))
            if found:
                raise Refused(
                    f"the build context holds {found}",
                    where=path,
                    hint=f"{self.leaving_out(path)}, and commit that; or move the file out of {self.path}",
                )

    def below(self, without: Collection[str] = ()) -> Iterator[str]:
        """Yield all that lies below the folder, but for what lies in folders with the names ``without``."""
        top = self.hub.git.folder
        for at, folders, files in os.walk(top / self.path):
            folders[:] = [name for name in folders if name not in without]
            links = [name for name in folders if (Path(at) / name).is_symlink()]
            yield from ((Path(at) / name).relative_to(top).as_posix() for name in (*files, *links))

    def is_seen(self, path: str) -> bool:
        """Whether Docker sees the file ``path``: neither an ignore file leaves it out, nor is it half written."""
        inside = PurePosixPath(path).relative_to(self.path).as_posix()
        return not (self._rules.leave_out(inside) or is_half_written(inside))

    def leaving_out(self, path: str) -> str:
        """Return the command that leaves the file ``path`` out of it from now on."""
        inside = PurePosixPath(path).relative_to(self.path).as_posix()
        return f"echo {shlex.quote(inside)} >> {shlex.quote(self._ignore_file)}"

    @cached_property
    def _ignore_file(self) -> str:
        """The ignore file that counts: the Dockerfile's own, else the context's, whether it is there or not."""
        own = f"{self.dockerfile}{_IGNORE_FILE}"
        return own if self.hub.files.read(own) is not None else join(self.path, _IGNORE_FILE)

    @cached_property
    def _rules(self) -> IgnoreRules:
        data = self.hub.files.read(self._ignore_file)
        return IgnoreRules() if data is None else IgnoreRules.parse(data.decode("utf-8", "replace"), self._ignore_file)


def _small_file(file: Path) -> bytes:
    """Return the bytes of a file that is small enough to be a credential file; none of what else lies there.

    One that cannot be read does not get into an image either.
    """
    with contextlib.suppress(OSError):
        known = file.lstat()
        if stat.S_ISREG(known.st_mode) and known.st_size <= LARGEST:
            return file.read_bytes()
    return b""
