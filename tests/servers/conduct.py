"""How registries misbehave, and what must come of it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from typing import TYPE_CHECKING

from tasks.core.faults import Denied, Unreachable

from ..image.manifests import MANIFEST
from ..z2jh.scripted import hang_up, reply, reset

if TYPE_CHECKING:
    from tasks.core.faults import Fault

    from .front import Answer


@dataclass(frozen=True)
class Conduct:
    """One way to misbehave.

    Attributes:
        report: its title.
        answer: what the registry answers to everything.
        kind: the fault that comes of it.
        what: the fault's message; ``...`` stands for the words of docker.
        hint: its hint; ``{host}`` stands for the registry.
    """

    report: str
    answer: Answer
    kind: type[Fault]
    what: str
    hint: str = "curl -I http://{host}/v2/"

    def fits(self, fault: Fault, host: str) -> bool:
        """Whether ``fault`` is what must come of it."""
        what, hint = self.what.format(host=host), self.hint.format(host=host)
        as_meant = fnmatchcase(fault.what, escape(what).replace("...", "*"))
        return type(fault) is self.kind and as_meant and (fault.where, fault.hint) == (host, hint)


def says(status: str, code: str, message: str, **headers: str) -> bytes:
    """Return an answer with one error, as registries give it."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return reply(body, status, Content_Type="application/json", **headers)


def manifest(body: bytes, **headers: str) -> bytes:
    """Return ``body`` as the answer to a question for a manifest."""
    return reply(body, Content_Type=MANIFEST, **headers)


def sends_to(address: str) -> bytes:
    """Return a redirect."""
    return reply(status="307 Temporary Redirect", Location=address)


def asks_for(challenge: str) -> bytes:
    """Return a question for credentials."""
    return reply(b"{}", "401 Unauthorized", WWW_Authenticate=challenge)


_BOMB = gzip.compress(b"[" * 50_000_000)
_SIGN_IN = "docker login {host}"
_UNUSABLE = "the registry gives no usable answer: ..."
CONDUCTS = [
    Conduct("401", reply(b"{}", "401 Unauthorized"), Denied, "the registry denied access: ...", _SIGN_IN),
    Conduct("401, a password is asked for", asks_for("Basic"), Denied, "the registry denied access: ...", _SIGN_IN),
    Conduct("401, a token of nowhere", asks_for("Bearer realm"), Unreachable, f"{_UNUSABLE}no realm..."),
    Conduct("401, a token of nothing", asks_for("Bearer realm="), Unreachable, _UNUSABLE),
    Conduct("401, a token of no address", asks_for('Bearer realm="http://[::1"'), Unreachable, _UNUSABLE),
    Conduct("401, a token of no server", asks_for('Bearer realm="ftp://{}"'), Unreachable, _UNUSABLE),
    Conduct(
        "401, a token of an unsafe server", asks_for('Bearer realm="http://evil.invalid/"'), Unreachable, _UNUSABLE
    ),
    Conduct("403", says("403 Forbidden", "DENIED", "no"), Denied, "the registry denied access: ...", _SIGN_IN),
    Conduct(
        "429",
        says("429 Too Many Requests", "TOOMANYREQUESTS", "slow down", Retry_After="3600"),
        Unreachable,
        "the registry is asked too often: ...429 Too Many Requests",
        "wait, and run it again; who is signed in may ask more often: docker login {host}",
    ),
    Conduct("500", reply(status="500 Internal Server Error"), Unreachable, f"{_UNUSABLE}500 Internal Server Error"),
    Conduct("502", reply(b"<html>", "502 Bad Gateway"), Unreachable, f"{_UNUSABLE}502 Bad Gateway"),
    Conduct("reset", reset, Unreachable, f"{_UNUSABLE}connection reset by peer"),
    Conduct("hung up", hang_up, Unreachable, f"{_UNUSABLE}EOF"),
    Conduct("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n", Unreachable, f"{_UNUSABLE}malformed HTTP response..."),
    Conduct("less than it says", manifest(b"{}", Content_Length="5000"), Unreachable, f"{_UNUSABLE}EOF"),
    Conduct("a web page", reply(b"<html>"), Unreachable, f"{_UNUSABLE}invalid character..."),
    Conduct("nothing", manifest(b""), Unreachable, _UNUSABLE),
    Conduct("deeper than one can read", manifest(b"[" * 1_000_000), Unreachable, _UNUSABLE),
    Conduct("a bomb", manifest(_BOMB, Content_Encoding="gzip"), Unreachable, f"{_UNUSABLE}rejecting 50000000 byte..."),
    Conduct("another digest", manifest(b"{}", Docker_Content_Digest=f"sha256:{'0' * 64}"), Unreachable, _UNUSABLE),
    Conduct("a circle", sends_to("/v2/hub/manifests/1"), Unreachable, f"{_UNUSABLE}stopped after 10 redirects"),
    Conduct("to another scheme", sends_to("ftp://127.0.0.1/1"), Unreachable, f"{_UNUSABLE}unsupported protocol..."),
    Conduct("to a file", sends_to("file:///etc/passwd"), Unreachable, f"{_UNUSABLE}unsupported protocol..."),
    Conduct("to an unsafe server", sends_to("http://evil.invalid/1"), Unreachable, _UNUSABLE),
    Conduct("to no address", sends_to("http://[::1"), Unreachable, _UNUSABLE),
]
