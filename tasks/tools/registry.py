"""What a registry has of an image, and whether it may be pushed to, asked in the registry's own protocol.

The protocol is that of the OCI distribution specification
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md), the sign-in that of
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from ..core.faults import DOOR, Denied, Fault, Refused, Unusable
from ..core.http import Address, NoAnswer, TooLarge, TooLate, basic, exchange, whole_body, within
from ..core.names import DOCKER_HUB, Reference, short_platform
from .credentials import IDENTITY_TOKEN, Credentials, DockerLogins
from .google import denied
from .reach import require_registry


class PlatformImage(NamedTuple):
    """What a registry or an engine holds of an image for one platform.

    Attributes:
        layers: the uncompressed layers' digests, lowest first (``rootfs.diff_ids`` of the OCI image specification).
        labels: the image's labels.
    """

    layers: tuple[str, ...]
    labels: Mapping[str, str]


class FoundImage(NamedTuple):
    """An image that is there.

    Attributes:
        digest: the digest of what its tag names (a manifest, or an index of manifests); None for an image of an
            engine's local store, which has no such digest.
        platforms: what it holds, by platform (``linux/amd64``); attestations are left out.
    """

    digest: str | None
    platforms: Mapping[str, PlatformImage]


def platform_of(image: Mapping[str, Any]) -> str:
    """Return the platform of an image, from its configuration (OCI image specification), or of a descriptor's one."""
    variant = image.get("variant")
    return short_platform(f"{image['os']}/{image['architecture']}{f'/{variant}' if variant else ''}")


def require_one_each(platforms: Sequence[str], image: Reference) -> None:
    """Check that an index has one manifest a platform: of two, nobody knows which one a cluster takes.

    Raises:
        Refused: it has more.
    """
    for platform, count in Counter(platforms).items():
        if count > 1:
            look = f"docker buildx imagetools inspect {image}"
            raise Refused(
                f"the index has {count} manifests for {platform}",
                where=image,
                hint=f"look at it: {look}; build it anew: {DOOR} build --force",
            )


def platform_image(config: Mapping[str, Any]) -> PlatformImage:
    """Read an image's configuration, as the OCI image specification lays it out."""
    labels = (config.get("config") or {}).get("Labels") or {}
    layers = config["rootfs"].get("diff_ids") or ()
    return PlatformImage(tuple(map(str, layers)), {str(name): str(value) for name, value in labels.items()})


DENIALS = (401, 403)
LARGEST_ANSWER = 4 * 1024 * 1024
LONGEST_WORDS = 500
SECONDS = 20.0
_READ = "GET"
_HUB_HOST = "registry-1.docker.io"
_AUTHORIZATION = "Authorization"
_CHALLENGE = "www-authenticate"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3


class Undecided(Exception):  # noqa: N818 - an answer that is none is no error of ours
    """The registry gave no answer that can be relied on."""


class Reply(NamedTuple):
    """A registry's answer.

    Attributes:
        status: the HTTP status.
        headers: its headers, by their names in lower case.
        body: its body, whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def words(self) -> str:
        """What the registry says is wrong: the messages of its JSON errors, else its status."""
        try:
            errors = json.loads(self.body)["errors"]
            said = "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = ""
        return said[:LONGEST_WORDS] or f"it answers {self.status}"


@dataclass
class Conversation:
    """Requests to one repository of a registry, signed in where it asks for that.

    Attributes:
        repository: the repository's name.
        actions: what is wanted of it: ``pull``, or ``pull,push``.
        deadline: when the whole conversation must have ended, by the monotonic clock in seconds.
    """

    repository: Reference
    actions: str = "pull"
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    _signed: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> str:
        """The address that the repository's own begin with."""
        host = _HUB_HOST if self.repository.host == DOCKER_HUB else self.repository.host
        scheme = "http" if self.repository.on_loopback else "https"
        return f"{scheme}://{host}/v2/{self.repository.path}/"

    def send(
        self, method: str, path: str, accept: str = "*/*", *, body: bytes | None = None, content_type: str = ""
    ) -> Reply:
        """Send one request, signing in where the registry asks for it.

        Args:
            method: the HTTP method.
            path: the address, relative to the repository's.
            accept: the media types that are understood.
            body: what is sent with it.
            content_type: the media type of that.

        Raises:
            Denied: there are no credentials, or they do not do.
            Undecided: no answer came, or none that can be relied on; or ``path`` leads to another server, which is
                not to have the credentials.
            Refused: it writes, and a rehearsal may not.
        """
        if method != _READ:
            require_registry(str(self.repository))
        url = _joined(self.root, path)
        if _server(url) != _server(self.root):
            raise Undecided
        headers = {"Accept": accept, **({"Content-Type": content_type} if content_type else {})}
        reply = self._request(method, url, {**headers, **self._signed}, body)
        if reply.status == DENIALS[0] and not self._signed:
            self._signed = self._sign_in(reply)
            reply = self._request(method, url, {**headers, **self._signed}, body)
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        return reply

    def _sign_in(self, challenge: Reply) -> dict[str, str]:
        """Return the header that answers a challenge: the password itself, or a token bought with it."""
        kind, _, rest = challenge.headers.get(_CHALLENGE, "").partition(" ")
        credentials = DockerLogins.read().credentials(self.repository.host)
        if credentials is not None and credentials.user == IDENTITY_TOKEN:
            raise Undecided
        if kind.lower() == "bearer":
            return self._token(_parameters(rest), credentials)
        if credentials is None:
            raise denied("no credentials for it on this machine", self.repository.host)
        return _basic(credentials)

    def _token(self, asked: Mapping[str, str], credentials: Credentials | None) -> dict[str, str]:
        realm = asked.get("realm", "")
        if _server(realm)[0] != _server(self.root)[0]:
            raise Undecided
        query = urlencode(
            {"service": asked.get("service", ""), "scope": f"repository:{self.repository.path}:{self.actions}"}
        )
        reply = self._request("GET", f"{realm}?{query}", _basic(credentials) if credentials else {})
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        try:
            token = json.loads(reply.body)
            return {_AUTHORIZATION: f"Bearer {token.get('token') or token['access_token']}"}
        except (ValueError, KeyError, AttributeError, RecursionError) as err:
            raise Undecided from err

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one request; a credential never follows a redirect to another host."""
        sent = dict(headers)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._exchange(method, url, sent, body)
            target = reply.headers.get("location")
            if reply.status not in _REDIRECTS or target is None or method != _READ:
                return reply
            onward = _joined(url, target)
            if _server(onward)[0] != _server(url)[0]:
                raise Undecided
            if _server(onward) != _server(url):
                sent.pop(_AUTHORIZATION, None)
            url = onward
        raise Undecided

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Ask once, within the conversation's time."""
        left = self.deadline - time.monotonic()
        try:
            return within(left, lambda: self._ask(method, url, headers, body, left))
        except (NoAnswer, TooLarge, TooLate, Unusable) as err:
            # Docker has its own proxies and certificates.
            raise Undecided from err

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Reply:
        with exchange(method, _address(url), headers, body=body, connect=min(5, seconds), read=seconds) as answer:
            return Reply(answer.status, _told(answer.headers), whole_body(answer, LARGEST_ANSWER, self.deadline))


def _told(headers: Message) -> dict[str, str]:
    """Return the headers by their names in lower case.

    Of several with one name the first counts; of several ways to sign in, the one with a token.
    """
    told = {name.lower(): value for name, value in reversed(headers.items())}
    ways = headers.get_all(_CHALLENGE, [])
    if ways:
        told[_CHALLENGE] = next((way for way in ways if way.lower().startswith("bearer ")), ways[0])
    return told


def _parameters(challenge: str) -> dict[str, str]:
    """Read what follows the scheme in a ``WWW-Authenticate`` header (RFC 7235)."""
    from urllib.request import parse_http_list, parse_keqv_list  # noqa: PLC0415 - only such a registry pays for it

    try:
        return parse_keqv_list(parse_http_list(challenge))
    except (ValueError, IndexError) as err:
        raise Undecided from err


def _address(url: str) -> Address:
    """Read an address that a registry gave, or that its name makes; plain http to another machine is none."""
    try:
        return Address.parse(url)
    except (Refused, Unusable) as fault:
        raise Undecided from fault


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError as err:
        raise Undecided from err


def _server(url: str) -> tuple[str, str]:
    """Return the scheme and the host with its port: what may have one credential."""
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise Undecided from err
    return parts.scheme, parts.netloc


def _basic(credentials: Credentials) -> dict[str, str]:
    return {_AUTHORIZATION: basic(f"{credentials.user}:{credentials.secret}")}


# https://github.com/opencontainers/image-spec/blob/main/media-types.md, and Docker's own of before it.
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_ATTESTATION = "unknown"
_MOST_PLATFORMS = 16
_OK, _NOT_FOUND, _UPLOAD_BEGUN = 200, 404, 202
_PUT = (201, 202)
_UPLOADS = "blobs/uploads/"
_MISSING = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN"})


def look_up(image: Reference) -> FoundImage | None:
    """Return what the registry has of ``image``; None where it has no such image.

    Raises:
        Refused: what it has cannot be used.
        Undecided: its answer is none of these: then Docker itself is to be asked.
    """
    try:
        return _look(image)
    except (Refused, Undecided):
        raise
    except (Fault, ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise Undecided from err


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
