import gzip
import os
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tasks.core import __version__
from tasks.core.faults import Denied, NoResponse, Refused, Unreachable, Unusable
from tasks.core.http import Address, Limits, get, send
from tasks.core.settings import Settings
from tasks.releases.repository import Cache, HelmRepository
from tests.support.calls import raised
from tests.support.conduct import AGAIN, CONDUCTS, Conduct
from tests.support.server import CERTIFICATE, Drip, Server, misbehaving, reply, tunnel_to

QUICK = Limits(backoff=0.01, size=100_000)
NOWHERE = Cache(Path("/dev/null"))


@pytest.fixture
def server() -> Iterator[Server]:
    with misbehaving() as script:
        yield script


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which take no time here."""
    taken: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", taken.append)
    return taken


def page(server: Server, path: str = "/index.yaml", limits: Limits = QUICK) -> bytes:
    return NOWHERE.fetch(Address.parse(server.url + path), limits)


def test_a_connection_that_was_idle_while_an_image_was_built_is_not_used_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands between may have dropped it without a word: nobody answers there any more."""
    monkeypatch.setattr("tasks.core.http.monotonic", iter((0.0, 1200.0)).__next__)
    server.answers = [Drip(reply(b"a", Connection="keep-alive"), b"")]
    once = QUICK._replace(read=1, attempts=1)
    assert [get(Address.parse(server.url), once).body for _ in range(2)] == [b"a", b"a"]
    assert len(server.asked) == 2


def test_a_stored_file_comes_byte_for_byte_whatever_the_server_calls_it(server: Server) -> None:
    archive = gzip.compress(b"chart")
    server.answers = [reply(archive, Content_Encoding="x-gzip")]
    assert get(Address.parse(f"{server.url}/a.tgz"), Limits(), exact=True).body == archive
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    assert server.asked[0].headers["User-Agent"] == f"hubpress/{__version__}"


# Answers that are none.


def named(conducts: dict[str, Conduct]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("conduct", conducts.values(), ids=conducts.keys())


@named({title: conduct for title, conduct in CONDUCTS.items() if conduct.helm})
def test_a_server_that_misbehaves_is_one_fault(server: Server, conduct: Conduct) -> None:
    server.answers = [conduct.answer]
    begun = time.monotonic()
    with pytest.raises(Unreachable) as fault:
        page(server, limits=QUICK._replace(total=1))
    assert (isinstance(fault.value, Denied), fault.value.what) == (conduct.kind is Denied, conduct.helm)
    assert fault.value.hint.startswith(f"look at what is there: curl -fsSL {server.url}/")
    assert conduct.times in (None, len(server.asked))
    assert time.monotonic() - begun < 5


@named({title: conduct for title, conduct in CONDUCTS.items() if conduct.times == AGAIN})
def test_what_may_pass_is_tried_again(server: Server, conduct: Conduct) -> None:
    server.answers = [conduct.answer, conduct.answer, reply(b"whole")]
    assert page(server) == b"whole"


def test_a_server_that_says_nothing_is_not_asked_again(server: Server) -> None:
    server.answers = [Drip(b"", b"", pause=0.1)]
    with pytest.raises(NoResponse, match=r"no response for 0\.2 s"):
        page(server, limits=Limits(read=0.2))
    assert len(server.asked) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let more connections wait")
def test_a_machine_that_takes_no_connection_is_not_asked_again(waits: list[float]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        address = Address.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with pytest.raises(NoResponse, match=r"connection timed out after 0\.2 s"):
            get(address, Limits(connect=0.2, read=0.2))
    assert waits == []


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("7", 7),
        ("3600", 30),
        ("soon", 0),
        ("9" * 5000, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 30),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_a_server_may_ask_to_wait_but_not_for_ever(
    server: Server, waits: list[float], retry_after: str, wait: float
) -> None:
    server.answers = [reply(status="429 Too Many Requests", Retry_After=retry_after), reply(b"whole")]
    assert page(server, limits=Limits()) == b"whole"
    assert waits == ([wait] if wait else [])


def test_a_token_with_a_line_break_is_sent_to_nobody(server: Server) -> None:
    with pytest.raises(Unreachable):
        send("GET", Address.parse(server.url), {"Authorization": "Bearer a\r\nX-Other: b"}, QUICK)
    assert server.asked == []


# Secrets.


def with_login(server: Server) -> Address:
    return Address.parse(server.url.replace("http://", "http://reader:s3cret%C3%A9@") + "/index.yaml?token=hush")


def test_the_login_is_sent_to_its_own_host_alone(server: Server) -> None:
    with misbehaving() as other:
        server.answers = [
            reply(status="302 Found", Location="/moved"),
            reply(status="302 Found", Location=f"{other.url}/index.yaml"),
        ]
        other.answers = [reply(b"whole")]
        assert NOWHERE.fetch(with_login(server), QUICK) == b"whole"
        basic = f"Basic {b64encode('reader:s3creté'.encode()).decode()}"
        assert [asked.headers["Authorization"] for asked in server.asked] == [basic, basic]
        assert other.asked[0].headers["Authorization"] is None


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "503 Busy"])
def test_no_fault_shows_a_secret(server: Server, status: str) -> None:
    server.answers = [reply(status=status)]
    with pytest.raises(Unreachable) as fault:
        NOWHERE.fetch(with_login(server), QUICK)
    assert server.lines[0] == "GET /index.yaml?token=hush"
    assert "s3cret" not in str(fault.value)
    assert "hush" not in str(fault.value)
    assert fault.value.where == f"{server.url}/index.yaml?***"


# The cache.


def test_the_second_look_asks_for_changes_only(server: Server, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    address = with_login(server)
    server.answers = [
        reply(b"one", ETag='"1"', Last_Modified="Thu, 24 Oct 2024 11:45:31 GMT"),
        reply(status="304 Not Modified"),
        reply(b"two", ETag='"2"'),
        reply(status="304 Not Modified"),
    ]
    assert [cache.fetch(address, QUICK) for _ in range(4)] == [b"one", b"one", b"two", b"two"]
    assert [asked.headers["If-None-Match"] for asked in server.asked] == [None, '"1"', '"1"', '"2"']
    assert server.asked[1].headers["If-Modified-Since"] == "Thu, 24 Oct 2024 11:45:31 GMT"
    assert server.asked[3].headers["If-Modified-Since"] is None
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"s3cret" not in kept
    assert b"hush" not in kept


EVIL_TAG = sha256(b"one").hexdigest().encode() + b'\n["\\"1\\"\\r\\nX-Evil: 1", null]\none'


@pytest.mark.parametrize("damage", [b"", b"no digest\none", b"[" * 100_000, EVIL_TAG])
def test_a_broken_cache_is_replaced(server: Server, tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    address = Address.parse(f"{server.url}/index.yaml")
    server.answers = [reply(b"one", ETag='"1"')]
    cache.fetch(address, QUICK)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert cache.fetch(address, QUICK) == b"one"
    assert server.asked[1].headers["If-None-Match"] is None
    assert kept.read_bytes().endswith(b"\none")


# Proxies and certificates.


@pytest.fixture
def secure() -> Iterator[Server]:
    with misbehaving(certificate=CERTIFICATE) as script:
        script.answers = [reply(b"whole")]
        yield script


@pytest.fixture
def https_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    server.answers = [reply(status="403 Forbidden")]
    monkeypatch.setenv("https_proxy", server.url.replace("http://", "http://me:s3cret@"))
    return server


def test_the_environments_proxy_is_used(https_proxy: Server) -> None:
    with pytest.raises(Unreachable) as fault:
        NOWHERE.fetch(Address.parse("https://charts.test/index.yaml"), QUICK)
    assert fault.value.what == "cannot connect through the proxy of the environment"
    assert "s3cret" not in str(fault.value)
    assert https_proxy.lines[0] == "CONNECT charts.test:443"
    assert https_proxy.asked[0].headers["Proxy-Authorization"] == f"Basic {b64encode(b'me:s3cret').decode()}"


def test_a_page_comes_through_the_proxys_tunnel(
    secure: Server, https_proxy: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    https_proxy.answers = [tunnel_to(secure.url)]
    assert NOWHERE.fetch(Address.parse("https://charts.test/index.yaml"), QUICK) == b"whole"
    assert https_proxy.lines == ["CONNECT charts.test:443"]
    assert secure.lines == ["GET /index.yaml"]
    assert secure.asked[0].headers["Host"] == "charts.test"
    assert secure.asked[0].headers["Proxy-Authorization"] is None


def test_no_proxy_is_respected(https_proxy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", ".test")
    with pytest.raises(NoResponse, match="cannot resolve the host name"):
        NOWHERE.fetch(Address.parse("https://charts.test/index.yaml"), QUICK)
    assert https_proxy.asked == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://[", "http://", "http://a:99999"])
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    assert raised(Unusable, NOWHERE.fetch, Address.parse("https://charts.test/index.yaml"), QUICK) == (
        "error: the proxy for https cannot be used (https_proxy)\n"
        "hint: set https_proxy to http://HOST:PORT, or name charts.test in no_proxy"
    )


# Files.


def test_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "with blank.yaml").write_bytes(b"whole")
    address = Address.parse(str(tmp_path)).below("with%20blank.yaml")
    assert NOWHERE.fetch(address, Limits()) == get(address, Limits(), exact=True).body == b"whole"


def test_neither_a_folder_nor_a_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, what in {"pipe": "a named pipe", "folder": "a folder"}.items():
        with pytest.raises(Unreachable, match=f"the file cannot be read: it is {what}"):
            NOWHERE.fetch(Address.parse(str(tmp_path / name)), Limits())


# -- which address may lead to which


HINT = "hint: write the Helm repository's address as https://HOST/PATH, file:///FOLDER or a folder"


@pytest.mark.parametrize(
    ("written", "index"),
    [
        ("https://hub.jupyter.org/helm-chart/", "https://hub.jupyter.org/helm-chart/index.yaml"),
        ("https://me:pw@hub.test:8443/x?token=1", "https://hub.test:8443/x/index.yaml?token=1"),
        ("HTTPS://hub.test/", "https://hub.test/index.yaml"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/index.yaml"),
        ("http://[::1]:80/", "http://[::1]:80/index.yaml"),
        ("http://[::1]/", "http://[::1]/index.yaml"),
        ("http://localhost/", "http://localhost/index.yaml"),
        ("file:///srv/charts", "file:///srv/charts/index.yaml"),
        ("file://localhost/srv/charts/", "file:///srv/charts/index.yaml"),
        ("/srv/my charts/", "file:///srv/my%20charts/index.yaml"),
    ],
)
def test_the_index_lies_in_the_repositorys_folder(written: str, index: str) -> None:
    assert Address.parse(written).below("index.yaml").url == index
    assert str(HelmRepository.of(Settings(), index.partition("?")[0]).address) == index.partition("?")[0].removesuffix(
        "index.yaml"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("oci://ghcr.io/charts", " (oci://ghcr.io/charts)"),
        ("ftp://me:pw@hub.test/x?token=1", " (hub.test/x)"),
        ("https:///helm-chart", " (https:///helm-chart)"),
        ("https://me:pw@[::1", " ([::1)"),
        ("charts.hub.test:8741/stable", " (charts.hub.test:8741/stable)"),
        ("127.0.0.1:8741/stable", " (127.0.0.1:8741/stable)"),
        ("", ""),
    ],
)
def test_what_is_no_address_of_a_repository(written: str, shown: str) -> None:
    assert (
        raised(Unusable, Address.parse, written)
        == f"error: this is not the address of a Helm repository{shown}\n{HINT}"
    )


@pytest.mark.parametrize("host", ["127.0.0.1.hub.test", "10.0.0.1:8080", "localhost.test", "[fe80::1]"])
def test_plain_http_to_another_machine_is_refused(host: str) -> None:
    assert raised(Refused, Address.parse, f"http://me:pw@{host}/helm-chart") == (
        f"error: plain http is allowed on this machine only (http://{host}/helm-chart)\n"
        f"hint: use https://{host}/helm-chart; or ask for it in invoke.yaml: "
        f"hub: {{chart_repository: http://{host}/helm-chart}}"
    )


@pytest.mark.parametrize(
    ("base", "reference", "address", "login"),
    [
        ("https://me:pw@hub.test/charts", "a.tgz", "https://hub.test/charts/a.tgz", "me:pw"),
        ("https://me:pw@hub.test/charts/", "../a.tgz", "https://hub.test/a.tgz", "me:pw"),
        ("https://me:pw@hub.test/charts", "https://you:pw2@hub.test/a.tgz", "https://hub.test/a.tgz", "you:pw2"),
        ("https://me:pw@hub.test/charts", "https://hub.test:8443/a.tgz", "https://hub.test:8443/a.tgz", None),
        ("https://me:pw@hub.test/charts", "//other.test/a.tgz", "https://other.test/a.tgz", None),
        ("file:///srv", "a.tgz", "file:///srv/a.tgz", None),
        ("file:///srv", "https://other.test/a.tgz", "https://other.test/a.tgz", None),
    ],
)
def test_an_archives_address_is_taken_from_the_repositorys_folder_and_the_login_goes_to_the_same_host_only(
    base: str, reference: str, address: str, login: str | None
) -> None:
    found = Address.parse(base).resolved(reference)
    assert (found.url, found.login) == (address, login)


@pytest.mark.parametrize("reference", ["http://127.0.0.1/a.tgz", "file:///etc/passwd"])
def test_an_index_of_https_leads_to_nothing_less_safe(reference: str) -> None:
    with pytest.raises(Unreachable, match="it redirects to a less secure address"):
        Address.parse("https://hub.test/charts").resolved(reference)
