import re

import pytest
from ruamel.yaml import YAML

from tasks.core.faults import Unreachable
from tasks.releases import index as room
from tasks.releases.index import Index, Release, read_index
from tests.support import charts
from tests.support.calls import raised

WHERE = "https://charts.test/index.yaml"
HINT = f"hint: look at what is there: curl -fsSL {WHERE} | head"

TINY = """\
apiVersion: v1
entries:
  jupyterhub:
  - apiVersion: v2
    appVersion: 4.1.6
    created: "2024-07-31T10:00:00Z"
    digest: ac4dd85c814a322353d68e1a322ba1a5ea0ada6cd8945affcebc46f6ccb2b645
    kubeVersion: '>=1.23.0-0'
    name: jupyterhub
    urls:
    - jupyterhub-3.3.8.tgz
    version: 3.3.8
generated: "2024-10-24T11:45:31Z"
"""


def read(text: str) -> Index:
    return read_index(text.encode(), WHERE)


@pytest.fixture
def never_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be read whole."""
    monkeypatch.setattr(room, "_read_whole", lambda *_: pytest.fail("the whole was read"))


def test_a_version_with_a_v_is_kept_as_written_and_found_without_it(index: Index) -> None:
    assert str(index["v0.6.0-fb64667"].semver) == "0.6.0-fb64667"
    assert index.find("0.6.0-fb64667") == index.find("v0.6.0-fb64667") == index["v0.6.0-fb64667"]
    assert index.find("v9.9.9") is None


@pytest.mark.parametrize("version", ["1" * 5000 + ".0.0", "1.0.0-" + "9" * 5000])
def test_a_version_with_an_endless_number_is_no_semver(version: str) -> None:
    assert Release(version).semver is None


def test_another_chart_of_the_same_repository(excerpt: str) -> None:
    assert list(read_index(excerpt.encode(), WHERE, "pebble")) == ["1.2.0"]


# Cut, and whole.


@pytest.mark.usefixtures("never_whole")
def test_the_real_index_is_cut_and_read_as_the_library_reads_the_whole(excerpt: str, index: Index) -> None:
    entries = YAML(typ="safe", pure=True).load(excerpt)["entries"]["jupyterhub"]
    for release, entry in zip(index.values(), entries, strict=True):
        assert release.version == entry["version"]
        assert release.app_version == entry.get("appVersion")
        assert release.kube_version == entry.get("kubeVersion")
        assert release.urls == tuple(entry["urls"])
        assert release.digest == entry["digest"]
        assert release.images == entry.get("annotations", {}).get("artifacthub.io/images")


@pytest.mark.usefixtures("never_whole")
def test_every_stable_release_of_the_real_index_runs_the_hub_image_of_its_version(real_index: Index) -> None:
    assert len(real_index) == charts.LENGTH
    named = [version for version in real_index if re.fullmatch(r"\d+\.\d+\.\d+", version)]
    stable = [release for release in map(real_index.__getitem__, named) if release.images]
    assert len(stable) == 25
    assert all(release.base_image and release.base_image.tag == release.version for release in stable)


NOT_HELMS_SHAPE = {
    "a comment": TINY.replace("appVersion: 4.1.6", "appVersion: 4.1.6 # JupyterHub's"),
    "windows line ends": TINY.replace("\n", "\r\n"),
    "a document marker": f"---\n{TINY}",
    "an anchor and its alias": TINY.replace("v2\n", "&v v2\n").replace("name: jupyterhub", "name: *v"),
    "a byte order mark": f"\ufeff{TINY}",
    "json": '{"apiVersion": "v1", "entries": {"jupyterhub": [{"version": "3.3.8", "appVersion": "4.1.6", '
    '"created": "2024-07-31T10:00:00Z", "kubeVersion": ">=1.23.0-0", "urls": ["jupyterhub-3.3.8.tgz"], '
    '"digest": "ac4dd85c814a322353d68e1a322ba1a5ea0ada6cd8945affcebc46f6ccb2b645"}]}}',
}


@pytest.mark.parametrize("text", NOT_HELMS_SHAPE.values(), ids=NOT_HELMS_SHAPE.keys())
def test_an_index_in_another_shape_is_read_all_the_same(text: str) -> None:
    assert read(text) == read(TINY)


def test_a_damaged_entry_is_noticed_when_it_is_asked_for() -> None:
    entry = "".join(LINES[3:12])
    text = TINY.replace(entry, entry + entry.replace("3.3.8", "9.9.9").replace("    name", "     name"))
    releases = read(text)
    assert releases["3.3.8"] == read(TINY)["3.3.8"]
    with pytest.raises(Unreachable, match=r"the index cannot be read: not YAML: .* \(line 6\)"):
        releases["9.9.9"]


LINES = TINY.splitlines(keepends=True)

# Odd entries.


@pytest.mark.parametrize("odd", ["text", "7", "null", "[]", "{}", "{version: null}", "{version: [1, 2]}"])
def test_entries_of_odd_types_are_left_out(odd: str) -> None:
    text = TINY.replace("  jupyterhub:\n", f"  jupyterhub:\n  - {odd}\n")
    assert list(read(text)) == ["3.3.8"]


# No usable index.

BAD = {
    "a web page": ("<!DOCTYPE html>\n<html>Sign in: now</html>", "the index cannot be read: not YAML: "),
    "nothing": ("", "this is not the index of a Helm repository"),
    "a chart": ("apiVersion: v2\nname: jupyterhub\n", "this is not the index of a Helm repository"),
    "no yaml": ("apiVersion: v1\nentries: {]\n", "the index cannot be read: not YAML: "),
    "no jupyterhub": (TINY.replace("  jupyterhub:", "  pebble:"), "the index has no release of jupyterhub"),
    "cut off": (TINY[: TINY.index("3.8\ngenerated")], "the index is truncated"),
    "cut off after a line": (TINY[: TINY.index("    version: 3.3.8")], "the index is truncated"),
    "two documents": (
        f"---\n{TINY}---\n{TINY}",
        "the index cannot be read: the file holds several YAML documents (line 15)",
    ),
}


@pytest.mark.parametrize(("text", "what"), BAD.values(), ids=BAD.keys())
def test_an_index_that_cannot_be_used_is_one_fault(text: str, what: str) -> None:
    error, hint = raised(Unreachable, read, text).splitlines()
    assert error.startswith(f"error: {what}")
    assert error.endswith(f" ({WHERE})")
    assert hint == HINT


def test_a_large_index_is_read_where_it_has_helms_shape_and_refused_elsewhere() -> None:
    entry = "".join(LINES[3:12])
    entries = "".join(entry.replace("3.3.8", f"3.3.{number}") for number in range(40_000))
    text = TINY.replace(entry, entries)
    assert len(read(text)) == 40_000
    with pytest.raises(Unreachable, match="the index cannot be read: more than 8 MiB"):
        read(f"---\n{text}")


HUB = "quay.io/jupyterhub/k8s-hub:3.3.8"
BY_DIGEST = f"a/k8s-hub@sha256:{'0' * 64}"

NAMED = {
    "as z2jh writes it": f"- image: traefik:v3.1.6\n  name: traefik\n- image: {HUB}\n  name: k8s-hub\n",
    "name first": f"- name: k8s-hub\n  image: {HUB}\n",
    "flow": f"[{{name: k8s-hub, image: {HUB}}}]",
    "the named one before another alike": f"- image: a/k8s-hub:1\n  name: x\n- image: {HUB}\n  name: k8s-hub\n",
}


@pytest.mark.parametrize("annotation", NAMED.values(), ids=NAMED.keys())
def test_the_hub_image_is_found(annotation: str) -> None:
    assert str(Release("4.4.0", images=annotation).base_image) == HUB


NOT_NAMED = {
    "other images": "- image: quay.io/jupyterhub/k8s-hub-slim:3.3.8\n  name: k8s-hub-slim\n",
    "no name": f"- image: {HUB}\n",
    "a digest alone": f"- image: {BY_DIGEST}\n  name: k8s-hub\n",
    "no tag": "- image: quay.io/jupyterhub/k8s-hub\n  name: k8s-hub\n",
    "no yaml": "- [",
    "a mapping": "k8s-hub: 1\n",
    "text": "k8s-hub",
    "nothing": "\n",
    "an image that is a list": "- image: [a]\n  name: k8s-hub\n",
}


@pytest.mark.parametrize("annotation", NOT_NAMED.values(), ids=NOT_NAMED.keys())
def test_no_hub_image_means_ask_the_archive(annotation: str) -> None:
    assert Release("4.4.0", images=annotation).base_image is None
