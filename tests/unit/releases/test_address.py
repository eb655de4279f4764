import pytest

from tasks.core.faults import Refused, Unreachable, Unusable
from tasks.core.http import Address
from tasks.core.settings import Settings
from tasks.releases.repository import HelmRepository
from tests.support.calls import raised

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
    ("base", "reference", "address"),
    [
        ("https://hub.test/charts", "a.tgz", "https://hub.test/charts/a.tgz"),
        ("https://hub.test/charts/", "../a.tgz", "https://hub.test/a.tgz"),
        ("https://hub.test/charts/", "//other.test/a.tgz", "https://other.test/a.tgz"),
        ("https://hub.test/charts/", "https://other.test/a.tgz", "https://other.test/a.tgz"),
        ("file:///srv", "a.tgz", "file:///srv/a.tgz"),
        ("file:///srv", "https://other.test/a.tgz", "https://other.test/a.tgz"),
    ],
)
def test_an_archives_address_is_taken_from_the_repositorys_folder(base: str, reference: str, address: str) -> None:
    assert Address.parse(base).resolved(reference).url == address


@pytest.mark.parametrize("reference", ["http://127.0.0.1/a.tgz", "file:///etc/passwd"])
def test_an_index_of_https_leads_to_nothing_less_safe(reference: str) -> None:
    with pytest.raises(Unreachable, match="it redirects to a less secure address"):
        Address.parse("https://hub.test/charts").resolved(reference)


@pytest.mark.parametrize(
    ("reference", "login"),
    [
        ("a.tgz", "me:pw"),
        ("https://hub.test/a.tgz", "me:pw"),
        ("https://you:pw2@hub.test/a.tgz", "you:pw2"),
        ("https://other.test/a.tgz", None),
        ("https://hub.test:8443/a.tgz", None),
    ],
)
def test_the_login_goes_along_to_the_same_host_only(reference: str, login: str | None) -> None:
    assert Address.parse("https://me:pw@hub.test/charts").resolved(reference).login == login
