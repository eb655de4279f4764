"""The forge that a git remote stands for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# git's short form of an ssh address (https://git-scm.com/docs/git-clone#_git_urls): [user@]host:path
_SHORT = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)")
_SCHEMES = frozenset({"http", "https", "ssh", "git"})


def web_address(remote_url: str) -> str | None:
    """Return the web address of the repository that ``remote_url`` names, without credentials.

    None where it names none: a folder, or something that is no address.
    """
    parts = urlsplit(remote_url)
    short = _SHORT.fullmatch(remote_url)
    if parts.scheme in _SCHEMES and parts.hostname:
        return f"https://{parts.hostname}/{_trimmed(parts.path)}"
    if short and "://" not in remote_url:
        return f"https://{short['host']}/{_trimmed(short['path'])}"
    return None


def _trimmed(path: str) -> str:
    return path.strip("/").removesuffix(".git")
