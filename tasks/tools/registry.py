"""What a registry has of an image, and whether it may be pushed to: asked in the registry's own protocol."""

from __future__ import annotations

import contextlib
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from ..faults import Denied, Fault, Refused
from .found import FoundImage, PlatformImage, platform_image, platform_of, require_one_each
from .oci import Conversation, Undecided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..image.reference import Reference

# https://github.com/opencontainers/image-spec/blob/main/media-types.md, and Docker's own of before it.
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_ATTESTATION = "unknown"
_MOST_PLATFORMS = 16
_SIDE_BY_SIDE = 8
_OK, _NOT_FOUND, _UPLOAD_BEGUN = 200, 404, 202
_PUT = (201, 202)
_UPLOADS = "blobs/uploads/"
_MISSING = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN"})


def begin_quick_answers(images: Sequence[Reference]) -> Callable[[], list[FoundImage | Refused | Undecided | None]]:
    """Begin to ask the registries for ``images`` side by side, and return what waits for their answers.

    The answers come in the same order: what a registry has, None where it has no such image, Refused where that
    cannot be used, and :class:`Undecided` where it is none of these: then Docker itself is to be asked.
    """
    pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
    asked = [pool.submit(_quick_answer, image) for image in images]
    pool.shutdown(wait=False)
    return lambda: [one.result() for one in asked]


def require_push_right(repository: Reference) -> None:
    """Check that Docker's credentials may push to ``repository``: an upload is begun, and given up at once.

    A registry that gives no answer, or another one than yes or no, is left to the push itself.

    Raises:
        Denied: the registry says no; the message is its own, the hint what mends it.
    """
    conversation = Conversation(repository, "pull,push")
    with contextlib.suppress(Undecided):
        reply = conversation.send("POST", _UPLOADS)
        if reply.status == _UPLOAD_BEGUN:
            _give_up(conversation, reply.headers.get("location", ""))


def put_tag(source: Reference, tag: str) -> str:
    """Put the manifest of ``source``, an image pinned by digest, under another tag, and return its digest: the same.

    Raises:
        Denied: the registry denied access.
        Undecided: it gave no answer that can be relied on.
    """
    conversation = Conversation(source, "pull,push")
    found = conversation.send("GET", f"manifests/{source.digest}", _ACCEPT)
    if found.status != _OK or _digest(found.body) != source.digest:
        raise Undecided
    kind = found.headers.get("content-type", "")
    put = conversation.send("PUT", f"manifests/{tag}", body=found.body, content_type=kind)
    if put.status not in _PUT:
        raise Undecided
    return _digest(found.body)


def _give_up(conversation: Conversation, upload: str) -> None:
    """Give an upload up, at an address of the registry's; one that cannot be given up is forgotten in time."""
    with contextlib.suppress(Undecided, Denied, ValueError):
        conversation.send("DELETE", urljoin(_UPLOADS, upload))


def _quick_answer(image: Reference) -> FoundImage | Refused | Undecided | None:
    try:
        return _look(image)
    except Refused as two_for_one:
        return two_for_one
    except (Undecided, Fault, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Undecided()


def _look(image: Reference) -> FoundImage | None:
    conversation = Conversation(image)
    body = _manifest(conversation, image.digest or image.tag or "latest")
    if body is None:
        return None
    digest = _digest(body)
    if image.digest not in (None, digest):
        raise Undecided
    found = list(_platforms(conversation, json.loads(body)))
    require_one_each([name for name, _ in found], image)
    return FoundImage(digest, dict(found))


def _manifest(conversation: Conversation, name: str) -> bytes | None:
    """Return the manifest or index that ``name`` (a tag or digest) stands for; None where there is none."""
    reply = conversation.send("GET", f"manifests/{name}", _ACCEPT)
    if reply.status == _NOT_FOUND and any(code in reply.words for code in _MISSING):
        return None
    told = reply.headers.get("docker-content-digest")
    if reply.status != _OK or told not in (None, _digest(reply.body)):
        raise Undecided
    return reply.body


def _platforms(conversation: Conversation, manifest: dict[str, Any]) -> Iterator[tuple[str, PlatformImage]]:
    """Yield each platform with its image; attestations, which have no platform, are left out."""
    if "manifests" not in manifest:
        yield _platform_image(conversation, manifest)
        return
    wanted = [one for one in manifest["manifests"] if one.get("platform", {}).get("os") != _ATTESTATION]
    if not 0 < len(wanted) <= _MOST_PLATFORMS:
        raise Undecided
    for descriptor in wanted:
        body = _manifest(conversation, descriptor["digest"])
        if body is None or _digest(body) != descriptor["digest"]:
            raise Undecided
        name, image = _platform_image(conversation, json.loads(body))
        told = descriptor.get("platform")
        if told and name.split("/")[:2] != [told["os"], told["architecture"]]:
            raise Undecided
        yield name, image


def _platform_image(conversation: Conversation, manifest: dict[str, Any]) -> tuple[str, PlatformImage]:
    digest = manifest["config"]["digest"]
    reply = conversation.send("GET", f"blobs/{digest}")
    if reply.status != _OK or _digest(reply.body) != digest:
        raise Undecided
    config = json.loads(reply.body)
    return platform_of(config), platform_image(config)


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
