"""What becomes of a release when the Helm repository misbehaves: one fault, and not one byte of a file changed."""

import gzip
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tasks.core.http import Limits
from tasks.core.options import BumpOptions
from tasks.core.settings import Settings
from tasks.repo.hub import open_hub
from tasks.review.bump import plan_bump
from tasks.tools.git import Git
from tests.support.conduct import CONDUCTS, Conduct
from tests.support.helm import HelmServer
from tests.support.hubs import Hub
from tests.support.server import Answer, Server, misbehaving, reply, reset

INDEX, ARCHIVE = "/index.yaml", "/jupyterhub-3.2.1.tgz"
ANOTHER_DIGEST = "archive jupyterhub-3.2.1.tgz does not have the digest that the index names"
COMMON = ("403", "404", "429", "reset", "headers that drip", "a body without an end", "to an unsafe server")
# An archive is wanted byte for byte: what comes compressed by the way is not unpacked, and has another digest.
CONDUCTS_OF = {
    INDEX: {
        **{title: CONDUCTS[title] for title in (*COMMON, "a bomb")},
        "web page": Conduct(reply(b"<html>"), "this is a web page, not the index of a Helm repository"),
    },
    ARCHIVE: {
        **{title: CONDUCTS[title] for title in COMMON},
        "bomb": Conduct(reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), ANOTHER_DIGEST),
        "another digest": Conduct(reply(b"another archive"), ANOTHER_DIGEST),
    },
}


@pytest.fixture
def before(helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server before the Helm repository, which is waited for as shortly as a test can afford."""
    quick = partial(Limits, read=5, total=1, backoff=0.01, size=100_000)
    monkeypatch.setattr("tasks.releases.repository.Limits", quick)
    with misbehaving(helm_repository.url.split("/")[2]) as served:
        yield served


@pytest.mark.parametrize(
    ("file", "conduct"),
    [
        pytest.param(file, conduct, id=f"{title}, {file.rpartition('.')[2]}")
        for file, all_of_it in CONDUCTS_OF.items()
        for title, conduct in all_of_it.items()
    ],
)
def test_a_helm_repository_that_misbehaves_is_one_fault(hub: Hub, before: Server, file: str, conduct: Conduct) -> None:
    # The release's entry names no image, so that its archive is needed too.
    before.answer(file, conduct.answer)
    opened = open_hub(Settings(chart_repository=f"http://{before.address}/"), Git.around(hub.path))
    files, begin = hub.snapshot(), time.monotonic()
    with pytest.raises(conduct.kind) as fault:
        plan_bump(opened, BumpOptions(to="3.2.1"))
    assert time.monotonic() - begin < 10
    assert type(fault.value) is conduct.kind
    assert fault.value.what == conduct.helm
    assert len(str(fault.value).splitlines()) == 2
    assert hub.snapshot() == files


@pytest.mark.parametrize("file", [INDEX, ARCHIVE])
@pytest.mark.parametrize(
    "answer", [reply(status="429 Too Many Requests", Retry_After="0"), reset], ids=["429", "reset"]
)
def test_what_passes_is_no_fault(hub: Hub, before: Server, file: str, answer: Answer) -> None:
    before.answer(file, answer, times=2)
    opened = open_hub(Settings(chart_repository=f"http://{before.address}/"), Git.around(hub.path))
    step, _ = plan_bump(opened, BumpOptions(to="3.2.1"))
    assert step.to_do == ()
