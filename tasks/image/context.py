"""An image's build context: the files that Docker sees."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..faults import Unusable
from ..hubrepo.leftovers import is_half_written
from ..hubrepo.paths import join
from .dockerignore import IgnoreRules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..hubrepo.layout import Hub, HubImage

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

    def files(self) -> Iterator[str]:
        """Yield what Docker sees, the Dockerfile left out: files, links and what else lies there."""
        return (path for path in self.below() if path != self.dockerfile and self.is_seen(path))

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
