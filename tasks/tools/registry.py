"""A registry: look up an image, give it another tag, and check the right to push.

The protocol is https://github.com/opencontainers/distribution-spec/blob/main/spec.md, the sign-in
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode, urljoin
from urllib.request import parse_http_list, parse_keqv_list

from ..core import http
from ..core.faults import CLI, Denied, Fault, NoResponse, Refused, Unreachable, Unusable
from ..core.http import Address, basic
from ..core.names import DOCKER_HUB, Reference, is_loopback, short_platform
from .command import MALFORMED, require_registry
from .logins import IDENTITY_TOKEN, DockerLogins, denied
from .process import map_parallel

# https://github.com/opencontainers/image-spec/blob/main/media-types.md, and Docker's older types.
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS, "*/*"))
_HUB_HOST = "registry-1.docker.io"

_OK, _NOT_FOUND, _UPLOAD_BEGUN, _UNAUTHORIZED = 200, 404, 202, 401
_PUT = (201, 202)
_DENIALS = (401, 403)
_TOO_OFTEN = 429
_UPLOADS = "blobs/uploads/"
_MOST_PLATFORMS = 16
_LONGEST_WORDS = 500
SECONDS = 20.0
# SECONDS limit a whole conversation. Broken connections are retried once; a busy registry is not asked again.
_CONNECT_SECONDS, _SHORTEST = 5.0, 0.001
_LIMITS = http.Limits(attempts=2, size=4 * 1024 * 1024, passing=frozenset())


class PlatformImage(NamedTuple):
    """An image for one platform; ``digest`` is None for an engine's local image.

    ``layers`` are the digests of the uncompressed layers, lowest first (``rootfs.diff_ids`` in the OCI specification).
    """

    layers: tuple[str, ...]
    labels: Mapping[str, str]
    digest: str | None = None


class FoundImage(NamedTuple):
    """An existing image, without attestations; ``digest`` is None for an engine's local image."""

    digest: str | None
    platforms: Mapping[str, PlatformImage]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of the image itself and of its platforms' manifests, without duplicates."""
        return tuple(filter(None, dict.fromkeys((self.digest, *(one.digest for one in self.platforms.values())))))


def platform_of(image: Mapping[str, Any]) -> str:
    """Return the platform in an image's configuration or a descriptor (OCI image specification)."""
    variant = image.get("variant")
    return short_platform(f"{image['os']}/{image['architecture']}{f'/{variant}' if variant else ''}")


def _misleading(what: str, image: Reference) -> Refused:
    look = f"docker buildx imagetools inspect {image}"
    return Refused(what, where=image, hint=f"look at it: {look}; rebuild it: {CLI} build --force")


# A registry's answer about an image: the image, None if it does not exist, or why there is no answer.
ImageAnswer: TypeAlias = "FoundImage | Fault | None"


@dataclass
class Conversation:
    """Requests to one repository of a registry, for the ``actions`` ``pull`` or ``pull,push``, until ``deadline``."""

    repository: Reference
    actions: str = "pull"
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    _signed: dict[str, str] = field(default_factory=dict, repr=False)
    _helper_fault: Denied | None = None

    @property
    def root(self) -> Address:
        """The base address of the repository."""
        host = _HUB_HOST if self.repository.host == DOCKER_HUB else self.repository.host
        return Address("http" if is_loopback(self.repository.host) else "https", host, f"/v2/{self.repository.path}/")

    def fault(self, what: str) -> Unreachable:
        """Return the fault for a registry without a usable answer."""
        return unreachable(what, self.repository.host, self.root.host)

    def broken(self, what: str) -> Unreachable:
        """Return the fault for an invalid image in the registry."""
        hint = f"look at it: docker buildx imagetools inspect {self.repository}"
        return Unreachable(f"the registry's image is broken: {what}", where=self.repository.host, hint=hint)

    def send(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> http.Answer:
        """Send a request to ``path``, relative to :attr:`root`, and sign in if the registry asks for it.

        Raises Denied or Unreachable, also if ``path`` is on another server.
        """
        if method != "GET":
            require_registry(str(self.repository))
        address = self.root.resolved(path)
        if address.server != self.root.server:
            raise self.fault(f"it leads to {address}")
        headers = {"Accept": _ACCEPT, **({"Content-Type": kind} if kind else {}), **self._signed}
        answer = self._request(method, address, headers, body)
        if answer.status == _UNAUTHORIZED and not self._signed:
            self._signed = {"Authorization": self._sign_in(answer.headers.getlist("WWW-Authenticate"))}
            answer = self._request(method, address, {**headers, **self._signed}, body)
        return self._allowed(answer)

    def read(self, what: str, name: str) -> bytes | None:
        """Return one of the repository's ``manifests`` or ``blobs``, or None if it does not exist."""
        answer = self.send("GET", f"{what}/{name}")
        # A proxy answers with a page of its own, which says nothing about the image.
        if answer.status == _NOT_FOUND and _said(answer):
            return None
        if answer.status != _OK:
            raise self.fault(_words(answer))
        # A proxy may send the header again.
        expected = (*([name] if ":" in name else []), *answer.headers.getlist("docker-content-digest"))
        if not {_digest(answer.body)}.issuperset(expected):
            raise self.broken(f"{name} of its {what} has another digest")
        return answer.body

    def require(self, what: str, name: str) -> bytes:
        """Return a part of an image like :meth:`read`; raise Unreachable if it is missing."""
        body = self.read(what, name)
        if body is None:
            raise self.broken(f"{name} of its {what} is missing")
        return body

    def _allowed(self, answer: http.Answer) -> http.Answer:
        host = self.repository.host
        if answer.status in _DENIALS:
            raise self._helper_fault or denied(_words(answer), host)
        if answer.status == _TOO_OFTEN:
            raise asked_too_often(_words(answer), host)
        return answer

    def _sign_in(self, challenges: Sequence[str]) -> str:
        """Return the Authorization header for the registry's challenges: with a token, else the password."""
        host, credentials = self.repository.host, None
        try:
            credentials = DockerLogins.read().credentials(host)
        except Denied as fault:  # public images can still be read
            self._helper_fault = fault
        login = basic(":".join(credentials)) if credentials else ""
        identity = credentials.secret if credentials and credentials.user == IDENTITY_TOKEN else ""
        for challenge in challenges:
            kind, _, parameters = challenge.partition(" ")
            if kind.lower() == "bearer":
                return self._token(parameters, login, identity)
        if not login:
            raise self._helper_fault or denied("no credentials for it on this machine", host)
        return login

    def _token(self, parameters: str, login: str, identity: str) -> str:
        try:
            # The names are case-insensitive (RFC 9110, 11.2).
            asked = {name.lower(): text for name, text in parse_keqv_list(parse_http_list(parameters)).items()}
            realm = Address.parse(asked.get("realm", ""))
        except (ValueError, IndexError, Fault) as err:
            raise self.fault("its way to sign in is not understood") from err
        if realm.scheme != self.root.scheme:
            raise self.fault(f"it leads to {realm} to sign in")
        query = {"service": asked.get("service", ""), "scope": f"repository:{self.repository.path}:{self.actions}"}
        if identity:
            # https://distribution.github.io/distribution/spec/auth/oauth/
            query |= {"grant_type": "refresh_token", "client_id": "hubpress", "refresh_token": identity}
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._request("POST", realm, form, urlencode(query).encode())
        else:
            headers = {"Authorization": login} if login else {}
            whole = "&".join(filter(None, (realm.query, urlencode(query))))
            answer = self._request("GET", realm._replace(query=whole), headers)
        try:
            token = json.loads(self._allowed(answer).body)
            return f"Bearer {token.get('token') or token['access_token']}"
        except MALFORMED as err:
            raise self.fault(f"it gives no token to sign in with (status {answer.status})") from err

    def _request(
        self, method: str, address: Address, headers: Mapping[str, str], body: bytes | None = None
    ) -> http.Answer:
        """Send a request within the conversation's time limit."""
        left = max(self.deadline - time.monotonic(), _SHORTEST)
        limits = _LIMITS._replace(connect=min(_CONNECT_SECONDS, left), read=left, total=left)
        try:
            return http.send(method, address, headers, limits, body)
        except Unreachable as err:
            raise unreachable(err.what, self.repository.host, self.root.host, type(err)) from err


def _said(answer: http.Answer) -> str:
    """Return the errors in a registry's answer (distribution specification, error codes), or an empty string."""
    try:
        errors = json.loads(answer.body)["errors"]
        return "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except MALFORMED:
        return ""


def _words(answer: http.Answer) -> str:
    return _said(answer)[:_LONGEST_WORDS] or f"it answers {answer.status}"


def unreachable(words: str, host: str, server: str, kind: type[Unreachable] = Unreachable) -> Unreachable:
    """Return the fault for a registry without a usable answer; ``server`` is the host that answers for ``host``."""
    scheme = "http" if is_loopback(server) else "https"
    return kind(f"cannot reach the registry: {words}", where=host, hint=f"curl -I {scheme}://{server}/v2/")


def asked_too_often(words: str, host: str) -> Unreachable:
    """Return the fault for a registry's rate limit."""
    hint = f"wait, and run it again; signed-in users get a higher limit: docker login {host}"
    return Unreachable(f"the registry's rate limit is reached: {words}", where=host, hint=hint)


def inspect(image: Reference) -> FoundImage | None:
    """Look up ``image`` in its registry, or return None. Raises Denied, Unreachable, Refused for a wrong index."""
    conversation = Conversation(image)
    try:
        body = conversation.read("manifests", image.digest or image.tag or "latest")
        if body is None:
            return None
        found = list(_platforms(conversation, body))
    except MALFORMED as err:
        raise conversation.broken(f"the response is not an image ({type(err).__name__})") from err
    for platform, times in Counter(name for name, _ in found).items():
        if times > 1:  # it is undefined which one a cluster uses
            raise _misleading(f"the index has {times} manifests for {platform}", image)
    return FoundImage(_digest(body), dict(found))


def inspect_all(images: Iterable[Reference]) -> dict[Reference, ImageAnswer]:
    """Look up ``images`` in parallel, each once; do not ask a registry again that has not responded."""
    first: dict[str, ImageAnswer] = {}

    def answer(image: Reference) -> ImageAnswer:
        found = first.get(image.host)
        if isinstance(found, NoResponse):
            return found
        try:
            found = inspect(image)
        except Fault as fault:
            found = fault
        # Later silence is that of one image.
        first.setdefault(image.host, found)
        return found

    asked = list(dict.fromkeys(images))
    return dict(zip(asked, map_parallel(answer, asked), strict=True))


def require_push_right(repository: Reference) -> None:
    """Check that Docker's credentials may push, by starting and cancelling an upload; raise Denied if not."""
    conversation = Conversation(repository, "pull,push")
    try:
        reply = conversation.send("POST", _UPLOADS)
    except Denied:
        raise
    except (Unreachable, Unusable):  # the push itself will show it
        return
    if reply.status == _UPLOAD_BEGUN:
        # The registry drops it eventually if it cannot be cancelled.
        with contextlib.suppress(Fault, ValueError):
            conversation.send("DELETE", urljoin(_UPLOADS, reply.headers.get("location", "")))


def retag(source: Reference, tag: str) -> str:
    """Add ``tag`` to ``source``, an image pinned by digest, in its registry; return the digest."""
    conversation = Conversation(source, "pull,push")
    found = conversation.send("GET", f"manifests/{source.digest}")
    if found.status != _OK or _digest(found.body) != source.digest:
        raise conversation.fault(f"no usable response for {source.digest} (status {found.status})")
    kind = found.headers.get("content-type", "")
    put = conversation.send("PUT", f"manifests/{tag}", found.body, kind)
    if put.status not in _PUT:
        raise conversation.fault(f"the tag {tag} is not taken: {_words(put)}")
    return _digest(found.body)


def _platforms(conversation: Conversation, body: bytes) -> Iterator[tuple[str, PlatformImage]]:
    """Yield each platform with its image; skip attestations, which have no platform."""
    index = json.loads(body).get("manifests")
    if index is None:
        yield _platform_image(conversation, body)
        return
    wanted = [one for one in index if one.get("platform", {}).get("os") != "unknown"]
    if not 0 < len(wanted) <= _MOST_PLATFORMS:
        raise conversation.broken(f"the response is not an image: an index of {len(wanted)}")
    for descriptor in wanted:
        name, image = _platform_image(conversation, conversation.require("manifests", descriptor["digest"]))
        if descriptor.get("platform"):
            # The variant is optional.
            listed = platform_of(descriptor["platform"])
            if listed.split("/")[:2] != name.split("/")[:2]:
                raise _misleading(f"the index says {listed}, its image is for {name}", conversation.repository)
        yield name, image


def _platform_image(conversation: Conversation, manifest: bytes) -> tuple[str, PlatformImage]:
    """Read the image of a ``manifest`` from its configuration (OCI image specification)."""
    config = json.loads(conversation.require("blobs", json.loads(manifest)["config"]["digest"]))
    labels = {str(name): str(value) for name, value in ((config.get("config") or {}).get("Labels") or {}).items()}
    layers = tuple(map(str, config["rootfs"].get("diff_ids") or ()))
    return platform_of(config), PlatformImage(layers, labels, _digest(manifest))


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
