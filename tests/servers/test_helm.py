"""What becomes of a release when the Helm repository misbehaves: one fault, and not one byte of a file changed."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tasks.core.faults import Denied, Fault, Unreachable
from tasks.core.http import Limits
from tasks.core.options import BumpOptions
from tasks.core.settings import Settings
from tasks.repo.hub import open_hub
from tasks.review.bump import plan_bump
from tasks.tools.git import Git

from ..z2jh.scripted import Drip, hang_up, reply, reset
from .conduct import sends_to
from .front import Front, front

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lab.helm import HelmServer
    from ..lab.hubs import Hub
    from .front import Answer

INDEX, ARCHIVE = "/index.yaml", "/jupyterhub-3.2.1.tgz"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
BREAKS_OFF = "the connection broke off"
LESS_SAFE = "it leads to an address that is less safe than itself"
TOO_LARGE = "the answer is larger than 0.0953674 MiB"
TOO_LATE = "no whole answer came within 1 s"
# How often it is asked when what is wrong may pass.
AGAIN = 4


@dataclass(frozen=True)
class Conduct:
    """One way to misbehave.

    Attributes:
        answer: what the server answers.
        what: the fault's message.
        times: how often it is asked before that is the end of it; None where that is not the point.
        kind: the fault that comes of it.
    """

    answer: Answer
    what: str
    times: int | None = 1
    kind: type[Fault] = Unreachable


def conducts() -> dict[str, Conduct]:
    """Return what may befall any file, by its title; a server that drips does so once."""
    return {
        "401": Conduct(reply(status="401 Unauthorized"), "access is denied (status 401)", kind=Denied),
        "403": Conduct(reply(status="403 Forbidden"), "access is denied (status 403)", kind=Denied),
        "404": Conduct(reply(status="404 Not Found"), "there is nothing (status 404)"),
        "429": Conduct(reply(status="429 Too Many Requests"), "no usable answer (status 429)", AGAIN),
        "429 for an hour": Conduct(
            reply(status="429 Too Many Requests", Retry_After="3600"), "no usable answer (status 429)", 1
        ),
        "500": Conduct(reply(status="500 Internal Server Error"), "no usable answer (status 500)"),
        "502": Conduct(reply(b"<html>", "502 Bad Gateway"), "no usable answer (status 502)", AGAIN),
        "reset": Conduct(reset, BREAKS_OFF, AGAIN),
        "hung up": Conduct(hang_up, BREAKS_OFF, AGAIN),
        "slow drip": Conduct(Drip(ENDLESS, b"x", pause=0.05), TOO_LATE, None),
        "slow drip of headers": Conduct(Drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", pause=0.05), TOO_LATE, None),
        "endless body": Conduct(Drip(ENDLESS, b"x" * 64_000, pause=0.001), TOO_LARGE),
        "less than it says": Conduct(reply(b"apiVersion: v1\n", Content_Length="5000"), BREAKS_OFF, AGAIN),
        "circle": Conduct(sends_to("/again"), "it redirects more than 5 times", None),
        "another scheme": Conduct(sends_to("ftp://127.0.0.1/index.yaml"), LESS_SAFE),
        "a file": Conduct(sends_to("file:///etc/passwd"), LESS_SAFE),
        "another machine, by plain http": Conduct(sends_to("http://evil.invalid/index.yaml"), LESS_SAFE),
    }


# An archive is wanted byte for byte: what comes compressed by the way is not unpacked, and has another digest.
BOMB = gzip.compress(bytes(10_000_000))
CONDUCTS_OF = {
    INDEX: {
        **conducts(),
        "bomb": Conduct(reply(BOMB, Content_Encoding="gzip"), TOO_LARGE),
        "web page": Conduct(reply(b"<html>"), "this is a web page, not the index of a Helm repository"),
    },
    ARCHIVE: {
        **conducts(),
        "bomb": Conduct(
            reply(BOMB, Content_Encoding="gzip"),
            "archive jupyterhub-3.2.1.tgz does not have the digest that the index names",
        ),
        "another digest": Conduct(
            reply(b"another archive"), "archive jupyterhub-3.2.1.tgz does not have the digest that the index names"
        ),
    },
}


@pytest.fixture
def before(helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A server before the Helm repository, which is waited for as shortly as a test can afford."""
    quick = partial(Limits, read=5, total=1, backoff=0.01, size=100_000)
    monkeypatch.setattr("tasks.releases.repository.Limits", quick)
    with front(helm_repository.url.split("/")[2]) as served:
        yield served


@pytest.mark.parametrize(
    ("file", "conduct"),
    [
        pytest.param(file, conduct, id=f"{title}, {file.rpartition('.')[2]}")
        for file, all_of_it in CONDUCTS_OF.items()
        for title, conduct in all_of_it.items()
    ],
)
def test_a_helm_repository_that_misbehaves_is_one_fault(hub: Hub, before: Front, file: str, conduct: Conduct) -> None:
    # The release's entry names no image, so that its archive is needed too.
    before.answer(file, conduct.answer)
    before.answer("/again", sends_to("/again"))
    opened = open_hub(Settings(chart_repository=f"http://{before.address}/"), Git.around(hub.path))
    files, begin = hub.snapshot(), time.monotonic()
    with pytest.raises(conduct.kind) as fault:
        plan_bump(opened, BumpOptions(to="3.2.1"))
    assert time.monotonic() - begin < 10
    assert type(fault.value) is conduct.kind
    assert fault.value.what == conduct.what
    assert len(str(fault.value).splitlines()) == 2
    assert conduct.times in (None, sum(file in str(asked) for asked in before.asked))
    assert hub.snapshot() == files


@pytest.mark.parametrize("file", [INDEX, ARCHIVE])
@pytest.mark.parametrize(
    "answer", [reply(status="429 Too Many Requests", Retry_After="0"), reset], ids=["429", "reset"]
)
def test_what_passes_is_no_fault(hub: Hub, before: Front, file: str, answer: Answer) -> None:
    before.answer(file, answer, times=2)
    opened = open_hub(Settings(chart_repository=f"http://{before.address}/"), Git.around(hub.path))
    step, _ = plan_bump(opened, BumpOptions(to="3.2.1"))
    assert step.to_do == ()
