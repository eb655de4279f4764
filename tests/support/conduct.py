"""How servers misbehave, and what must come of it."""

import gzip
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape

from tasks.core.faults import Denied, Fault, Unreachable

from .registry import MANIFEST
from .server import Answer, Drip, hang_up, reply, reset

_UNUSABLE = "cannot reach the registry: ..."
_DENIED = "the registry denied access: ..."
_LOOK, _SIGN_IN = "curl -I http://{host}/v2/", "docker login {host}"
_INSPECT = "look at it: docker buildx imagetools inspect {host}/hub:1"


@dataclass(frozen=True)
class Conduct:
    """One way to misbehave.

    Attributes:
        answer: what the server answers to everything.
        helm: the fault's message where it is a Helm repository; None where that is an answer as any other.
        times: how often a Helm repository is asked; None where that is not the point.
        registry: the fault's message where it is a registry, ``...`` for the words of the registry; None where
            it would be waited for too long, or taken for an answer.
        hint: its hint there; ``{host}`` stands for the registry.
        kind: the fault that comes of it.
    """

    answer: Answer
    helm: str | None
    times: int | None = 1
    registry: str | None = _UNUSABLE
    hint: str = _LOOK
    kind: type[Fault] = Unreachable

    def fits(self, fault: Fault, host: str) -> bool:
        """Whether ``fault`` is what must come of it where it is a registry."""
        as_meant = fnmatchcase(fault.what, escape(str(self.registry)).replace("...", "*"))
        is_kind = isinstance(fault, self.kind) and isinstance(fault, Denied) == issubclass(self.kind, Denied)
        return is_kind and as_meant and (fault.where, fault.hint) == (host, self.hint.format(host=host))


def says(status: str, code: str, message: str, **headers: str) -> bytes:
    """Return an answer with one error, as registries give it."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return reply(body, status, Content_Type="application/json", **headers)


def manifest(body: bytes, **headers: str) -> bytes:
    return reply(body, Content_Type=MANIFEST, **headers)


def sends_to(address: str) -> bytes:
    return reply(status="307 Temporary Redirect", Location=address)


def asks_for(challenge: str) -> bytes:
    return reply(b"{}", "401 Unauthorized", WWW_Authenticate=challenge)


def denies(answer: bytes) -> Conduct:
    """Return the conduct of a server that answers 401 or 403."""
    return Conduct(answer, f"access denied (status {answer.split()[1].decode()})", 1, _DENIED, _SIGN_IN, Denied)


def broken(answer: bytes, helm: str | None = None) -> Conduct:
    """Return the conduct of a server that answers with no image."""
    return Conduct(answer, helm, 1, "the registry's image is broken: ...", _INSPECT)


# How often it is asked when what is wrong may pass.
AGAIN = 4
BOMB = gzip.compress(b"[" * 50_000_000)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n".encode()
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TOO_MANY = says("429 Too Many Requests", "TOOMANYREQUESTS", "slow down")
_BREAKS_OFF, _DAMAGED = "the connection was closed early", "the compressed response is damaged"
_NO_HTTP, _LESS_SAFE = "the response is not HTTP", "it redirects to a less secure address"
_TOO_LARGE, _TOO_LATE = "the response is larger than 0.0953674 MiB", "no complete response within 1 s"
_TOO_OFTEN = "the registry's rate limit is reached: ..."
_WAIT = "wait, and run it again; signed-in users get a higher limit: docker login {host}"
# Of a Helm repository, with a bound of 100,000 bytes and one second.
CONDUCTS = {
    "401": denies(reply(b"{}", "401 Unauthorized")),
    "401, a password is asked for": denies(asks_for("Basic")),
    **{
        f"401, {realm or 'a token of nowhere'}": Conduct(asks_for(f"Bearer realm{realm}"), None)
        for realm in ("", "=", '="http://[::1"', '="ftp://{}"', '="http://evil.invalid/"')
    },
    "403": denies(says("403 Forbidden", "DENIED", "no")),
    "404": Conduct(reply(status="404 Not Found"), "not found (status 404)"),
    "429": Conduct(TOO_MANY, "the server answered with status 429", AGAIN, _TOO_OFTEN, _WAIT),
    "429 for an hour": Conduct(
        reply(status="429 Too Many Requests", Retry_After="3600"), _TOO_LATE, 1, _TOO_OFTEN, _WAIT
    ),
    "500": Conduct(reply(status="500 Internal Server Error"), "the server answered with status 500"),
    "502": Conduct(reply(b"<html>", "502 Bad Gateway"), "the server answered with status 502", AGAIN),
    "reset": Conduct(reset, _BREAKS_OFF, AGAIN),
    "hung up": Conduct(hang_up, _BREAKS_OFF, AGAIN),
    "another protocol": Conduct(b"SSH-2.0-OpenSSH_9.2\r\n", _NO_HTTP, AGAIN),
    "half a head": broken(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "less than it says": Conduct(manifest(b"{}", Content_Length="5000"), _BREAKS_OFF),
    "two lengths": Conduct(HEAD + b"Content-Length: 4\r\nContent-Length: 8\r\n\r\nhalfrest", _NO_HTTP),
    "half a chunk": Conduct(CHUNKS + b"5\r\nab", _BREAKS_OFF),
    "no chunk": Conduct(CHUNKS + b"abc\r\n", _BREAKS_OFF),
    "nothing": broken(manifest(b"")),
    "damaged gzip": broken(manifest(b"no gzip", Content_Encoding="gzip"), _DAMAGED),
    "half a gzip": broken(manifest(gzip.compress(b"abc")[:-9], Content_Encoding="gzip"), _DAMAGED),
    "another encoding": broken(
        manifest(b"...", Content_Encoding="br"), "the response is encoded as br, which was not requested"
    ),
    "a bomb": broken(manifest(BOMB, Content_Encoding="gzip"), _TOO_LARGE),
    "a web page": broken(reply(b"<html>")),
    "deeper than one can read": broken(manifest(b"[" * 1_000_000), _TOO_LARGE),
    "another digest": broken(manifest(b"{}", Docker_Content_Digest=f"sha256:{'0' * 64}")),
    "a circle": Conduct(sends_to("/v2/hub/manifests/1"), "it redirects more than 5 times", 6),
    "to another scheme": Conduct(sends_to("ftp://127.0.0.1/1"), _LESS_SAFE),
    "to a file": Conduct(sends_to("file:///etc/passwd"), _LESS_SAFE),
    "to an unsafe server": Conduct(sends_to("http://evil.invalid/1"), _LESS_SAFE),
    "to no address": Conduct(sends_to("http://[::1"), _LESS_SAFE),
    "headers that drip": Conduct(Drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"), _TOO_LATE, registry=None),
    "a body that drips": Conduct(Drip(HEAD + b"Content-Length: 9999\r\n\r\n", b"x"), _TOO_LATE, registry=None),
    "a body without an end": Conduct(Drip(HEAD + b"\r\n", b"x" * 64_000, pause=0.001), _TOO_LARGE, registry=None),
    "silence": Conduct(Drip(b"", b"", pause=0.1), _TOO_LATE, registry=None),
}
