"""The bake definition: what it says, and that the real bake reads it so."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.core.names import Reference
from tasks.image.definition import BakeTarget, bake_fields, definition, target_name
from tests.support.cli import run

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
BASE = Reference("quay.io/jupyterhub/k8s-hub", "4.4.0")
IMAGE = Reference("registry.test/core/hub", "1.2.3")
PLAIN = BakeTarget("hub", IMAGE, "images/hub", "images/hub/Dockerfile")
WHOLE = BakeTarget(
    key="hub.main",
    reference=IMAGE,
    context="images",
    dockerfile="images/hub/Dockerfile.main",
    build_args={"EMPTY": "", "VERSION": "1.10"},
    labels={"org.opencontainers.image.version": "1.2.3"},
    pins={str(BASE): BASE.pinned(DIGEST)},
    platform="linux/amd64,linux/arm64",
    no_cache=True,
)


def test_a_plain_image() -> None:
    assert (
        definition([PLAIN])
        == """\
{
  "group": {
    "default": {
      "targets": [
        "hub"
      ]
    }
  },
  "target": {
    "hub": {
      "context": "images/hub",
      "dockerfile": "Dockerfile",
      "tags": [
        "registry.test/core/hub:1.2.3"
      ],
      "attest": [
        "type=provenance,disabled=true"
      ],
      "output": [
        "type=registry"
      ]
    }
  }
}"""
    )


def test_an_image_with_everything() -> None:
    assert json.loads(definition([WHOLE]))["target"] == {
        "hub-main-0": {
            "context": "images",
            "dockerfile": "hub/Dockerfile.main",
            "tags": ["registry.test/core/hub:1.2.3"],
            "args": {"EMPTY": "", "VERSION": "1.10"},
            "labels": {"org.opencontainers.image.version": "1.2.3"},
            "contexts": {
                "quay.io/jupyterhub/k8s-hub:4.4.0": f"docker-image://quay.io/jupyterhub/k8s-hub:4.4.0@{DIGEST}"
            },
            "platforms": ["linux/amd64", "linux/arm64"],
            "no-cache": True,
            "attest": ["type=provenance,disabled=true"],
            "output": ["type=registry"],
        }
    }


@pytest.mark.parametrize(
    ("root", "context", "dockerfile", "expected"),
    [
        pytest.param("", "images/hub", "images/hub/Dockerfile", "Dockerfile", id="in the context"),
        pytest.param("", "images", "images/hub/Dockerfile", "hub/Dockerfile", id="below the context"),
        pytest.param("", "images/hub", "images/Dockerfile", "../Dockerfile", id="above the context"),
        pytest.param("", "images/hub", "docker/hub.Dockerfile", "../../docker/hub.Dockerfile", id="beside the context"),
        pytest.param("", ".", "images/hub/Dockerfile", "images/hub/Dockerfile", id="the whole folder as context"),
        pytest.param("", "./images/hub/", "images/hub/Dockerfile", "Dockerfile", id="a context spelled at length"),
        pytest.param("charts", "..", "../hub/Dockerfile", "hub/Dockerfile", id="the folder above as context"),
        pytest.param("charts", "..", "hub/Dockerfile", "charts/hub/Dockerfile", id="the folder above, from inside"),
        pytest.param("a/charts", "../common", "Dockerfile", "../charts/Dockerfile", id="a context beside the folder"),
    ],
)
def test_the_dockerfile_is_named_from_its_context(root: str, context: str, dockerfile: str, expected: str) -> None:
    target = BakeTarget("hub", IMAGE, context, dockerfile)
    assert json.loads(definition([target], root))["target"]["hub"]["dockerfile"] == expected


def test_the_dockerfiles_name_does_not_depend_on_where_the_task_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = BakeTarget("hub", IMAGE, "../common", "Dockerfile")
    here = definition([target], "charts")
    monkeypatch.chdir(tmp_path)
    assert definition([target], "charts") == here


def test_an_image_that_is_not_pushed_stays_in_the_engine() -> None:
    target = BakeTarget("hub", IMAGE, "images/hub", "images/hub/Dockerfile", push=False)
    assert json.loads(definition([target]))["target"]["hub"]["output"] == ["type=docker"]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        pytest.param(["hub", "hub-2", "hub_b"], ["hub", "hub-2-1", "hub_b"], id="what bake takes"),
        pytest.param(["hub.main", "hub/main"], ["hub-main-0", "hub-main-1"], id="dots and slashes"),
        pytest.param(["hüb", "日本"], ["h-b-0", "---1"], id="letters that bake does not take"),
        pytest.param(["a.b", "a-b-0"], ["a-b-0", "a-b-0-1"], id="a key like another's numbered name"),
        pytest.param(["default", "1"], ["default", "1-1"], id="bake's own word, and a number"),
    ],
)
def test_no_two_images_share_a_targets_name(keys: list[str], names: list[str]) -> None:
    assert [target_name(index, key) for index, key in enumerate(keys)] == names


def bake_reads(folder: Path, text: str) -> dict[str, Any]:
    """Return the targets as the real bake reads them; no engine is asked."""
    printed = run("docker", "buildx", "bake", "--file", "-", "--print", cwd=folder, stdin=text)
    assert printed.code == 0, printed
    targets: dict[str, Any] = json.loads(printed.out)["target"]
    return targets


@pytest.mark.engine
def test_bake_reads_the_definition_as_it_stands(tmp_path: Path) -> None:
    text = definition([PLAIN, WHOLE, BakeTarget("default", IMAGE, "images/hub", "images/hub/Dockerfile", push=False)])
    assert bake_reads(tmp_path, text) == json.loads(text)["target"]


HOSTILE = ["${HOME}", "$${x}", "%{ if true }", "%%{x}", "${", "%{", "$", "$$", "{{}}", "\\${x}", "\"'`$(id)\n", "é"]


@pytest.mark.engine
def test_bake_takes_every_text_as_it_stands(tmp_path: Path) -> None:
    text = " ".join(HOSTILE)
    target = BakeTarget(
        key=f"hub{text}",
        reference=IMAGE,
        context=f"images/{text}",
        dockerfile=f"images/{text}/Dockerfile",
        build_args={"ARG": text, f"ARG{text}": "value"},
        labels={"label": text, f"label{text}": "value"},
        extra={"target": text, "args": {f"MORE{text}": text}},
    )
    (read,) = bake_reads(tmp_path, definition([target])).values()
    assert read["context"] == f"images/{text}"
    assert read["args"] == {"ARG": text, f"ARG{text}": "value", f"MORE{text}": text}
    assert read["labels"] == {"label": text, f"label{text}": "value"}
    assert read["target"] == text


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("--label=ref=1", {"labels": {"ref": "1"}}),
    ("--label maintainer=octocat", {"labels": {"maintainer": "octocat"}}),
    ("--build-arg=A=b=c", {"args": {"A": "b=c"}}),
    ("--build-arg LC_ALL", {"args": {"LC_ALL": "C.UTF-8"}}),
    ("--build-arg NO_SUCH_VARIABLE", {}),
    ("--build-context lib=lib", {"contexts": {"lib": "lib"}}),
    ("--target=final", {"target": "final"}),
    ("--network none", {"network": "none"}),
    ("--no-cache", {"no-cache": True}),
    ("--pull", {"pull": True}),
    ("--pull=false", {}),
    ("--no-cache-filter=final", {"no-cache-filter": ["final"]}),
    ("--annotation=a=b", {"annotations": ["a=b"]}),
    ("--cache-from=type=registry,ref=x/y", {"cache-from": ["type=registry,ref=x/y"]}),
    ("--cache-to type=inline", {"cache-to": ["type=inline"]}),
    ("--secret=id=token,env=TOKEN", {"secret": ["id=token,env=TOKEN"]}),
    ("--ssh default", {"ssh": ["default"]}),
    ("--shm-size=128m", {"shm-size": "128m"}),
    ("--ulimit nofile=1024:1024", {"ulimits": ["nofile=1024:1024"]}),
    ("--attest=type=sbom", {"attest": ["type=sbom"]}),
    ("--provenance=mode=max", {"attest": ["type=provenance,mode=max"]}),
    ("--provenance false", {"attest": ["type=provenance,disabled=true"]}),
    ("--sbom=true", {"attest": ["type=sbom"]}),
    ("--rm", {}),
    ("--force-rm --quiet", {}),
]


@pytest.mark.parametrize(("option", "meant"), OPTIONS, ids=[option for option, _ in OPTIONS])
def test_an_extra_option_is_what_bake_calls_it(option: str, meant: dict[str, Any]) -> None:
    assert bake_fields(option.split(), "chartpress.yaml", {"LC_ALL": "C.UTF-8"}) == meant


@pytest.mark.engine
def test_bake_reads_every_extra_option(tmp_path: Path) -> None:
    # buildx looks whether there is an agent for --ssh.
    given = [word for option, _ in OPTIONS for word in option.split() if "ssh" not in option]
    (tmp_path / "docker-bake.json").write_text(
        json.dumps({"target": {"default": bake_fields(given, "chartpress.yaml", {"LC_ALL": "C.UTF-8"})}})
    )
    assert run("docker", "buildx", "bake", "--print", cwd=tmp_path).code == 0
