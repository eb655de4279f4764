"""Pins of the hub image that are older than what its base ships."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.checks.packages import pin_problems, pins_of
from tasks.core.names import Reference
from tasks.core.problems import Code
from tasks.rehearsal.registry import Registry
from tasks.tools.docker import packages
from tests.support.calls import opened
from tests.support.cli import run, sh
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.processes import write_program

from .places import DOCKERFILE, PINS, built, check

SHIPPED = {"oauthenticator": "17.1.0", "SQLAlchemy": "2.0.36", "jupyterhub-kubespawner": "7.0.0", "PyJWT": "2.9.0"}
PIP_LIST = ", ".join(f'{{"name": "{name}", "version": "{version}"}}' for name, version in SHIPPED.items())
FROM = "FROM quay.io/jupyterhub/k8s-hub:3.3.8\n"


def found(hub: Hub) -> list[tuple[str, str]]:
    """Return where pins are found that are older than what is shipped, with what is said of them."""
    here = opened(hub)
    (image,) = here.images
    return [(problem.path, problem.message) for problem in pin_problems(image, pins_of(here, image), SHIPPED)]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return make_hub(tmp_path / "hub", version="3.3.8")


def older(name: str, ours: str, theirs: str) -> str:
    return f"{name} is pinned to {ours}, but quay.io/jupyterhub/k8s-hub:3.3.8 ships {theirs}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("oauthenticator==16.0.0", older("oauthenticator", "16.0.0", "17.1.0"), id="older"),
        pytest.param("sqlalchemy==2.0.9", older("sqlalchemy", "2.0.9", "2.0.36"), id="older, not by its letters"),
        pytest.param("Jupyterhub_KubeSpawner==6.2.0", older("Jupyterhub_KubeSpawner", "6.2.0", "7.0.0"), id="spelling"),
        pytest.param("oauthenticator[azuread]==16.0.0", older("oauthenticator", "16.0.0", "17.1.0"), id="extras"),
        pytest.param("PyJWT===2.8.0", older("PyJWT", "2.8.0", "2.9.0"), id="==="),
        pytest.param("PyJWT==2.8.0 ; python_version > '3'", older("PyJWT", "2.8.0", "2.9.0"), id="marker"),
        pytest.param("PyJWT==2.8.0  # for Azure", older("PyJWT", "2.8.0", "2.9.0"), id="comment behind it"),
        pytest.param("oauthenticator==17.1.0", None, id="equal"),
        pytest.param("oauthenticator==17.2.0", None, id="newer"),
        pytest.param("oauthenticator>=16.0.0", None, id="at least"),
        pytest.param("oauthenticator~=16.0", older("oauthenticator", "~=16.0", "17.1.0"), id="an older series"),
        pytest.param("oauthenticator<17", older("oauthenticator", "<17", "17.1.0"), id="limit"),
        pytest.param(
            "oauthenticator==16.0.0 --hash=sha256:12", older("oauthenticator", "16.0.0", "17.1.0"), id="hash behind it"
        ),
        pytest.param("oauthenticator", None, id="no pin"),
        pytest.param("jupyterhub-nativeauthenticator==1.0.0", None, id="not shipped"),
        pytest.param("https://example.org/a.whl#egg=oauthenticator==16", None, id="address"),
    ],
)
def test_a_line_of_a_requirements_file(hub: Hub, line: str, message: str | None) -> None:
    hub.put(PINS, f"# Ours.\n\n{line}\n")
    assert found(hub) == ([(f"{PINS}:3", message)] if message else [])


@pytest.mark.parametrize(
    ("run", "line"),
    [
        ("RUN pip install oauthenticator==16.0.0", 2),
        ("RUN python3 -m pip install --no-cache 'oauthenticator==16.0.0' && rm -rf /tmp/x", 2),
        ("USER root\nRUN apt-get update\nRUN pip3 install \\\n    sqlalchemy \\\n    oauthenticator==16.0.0;", 4),
        ('RUN ["pip", "install", "oauthenticator==16.0.0"]', 2),
        ("RUN (cd /srv && pip install oauthenticator==16.0.0)", 2),
        ("RUN bash -c 'set -e; pip install oauthenticator==16.0.0'", 2),
        ("RUN <<EOF\nset -e\npip install oauthenticator==16.0.0\nEOF", 2),
        ('ARG OAUTH=16.0.0\nRUN pip install "oauthenticator==${OAUTH}"', 3),
        ("ENV OAUTH=16.0.0\nRUN pip install oauthenticator==$OAUTH", 3),
    ],
    ids=["pip", "python3 -m pip", "over lines", "JSON", "subshell", "bash -c", "here-document", "ARG", "ENV"],
)
def test_a_line_of_the_dockerfile(hub: Hub, run: str, line: int) -> None:
    hub.put(DOCKERFILE, f"{FROM}{run}\n")
    assert found(hub) == [(f"{DOCKERFILE}:{line}", older("oauthenticator", "16.0.0", "17.1.0"))]


@pytest.mark.parametrize("option", ["-r /tmp/", "--constraint /tmp/", "--requirement=/tmp/", "-r/tmp/"])
def test_a_file_that_the_dockerfile_gives_pip_counts_whatever_its_name(hub: Hub, option: str) -> None:
    hub.write(DOCKERFILE, f"{FROM}COPY pins.in /tmp/\nRUN pip install {option}pins.in\n")
    hub.write("images/hub/pins.in", "oauthenticator==16.0.0\n")
    hub.put("images/hub/other.in", "oauthenticator==15.0.0\n")
    assert found(hub) == [("images/hub/pins.in:1", older("oauthenticator", "16.0.0", "17.1.0"))]


@pytest.mark.parametrize("text", ["\ufeffoauthenticator==16.0.0\n", "oauthenticator \\\r\n  ==16.0.0\r\n"])
def test_a_file_counts_that_a_requirements_file_names_as_pip_reads_it(hub: Hub, text: str) -> None:
    hub.write(PINS, "-r more.in\n")
    hub.put("images/hub/more.in", text)
    assert found(hub) == [("images/hub/more.in:1", older("oauthenticator", "16.0.0", "17.1.0"))]


def test_no_other_file_of_the_context_is_read(hub: Hub) -> None:
    """It may be large, or no file at all by now."""
    hub.put("images/hub/model.bin", "weights\n")
    (hub.path / "images/hub/model.bin").unlink()
    os.mkfifo(hub.path / "images/hub/model.bin")
    hub.write(PINS, "oauthenticator==16.0.0\n")
    assert found(hub) == [(f"{PINS}:1", older("oauthenticator", "16.0.0", "17.1.0"))]


# -- what the base tells


@pytest.fixture
def base(registry: Registry, mirror: str, tmp_path: Path) -> Iterator[str]:
    """The repository of a base image on 3.3.8 that this machine and the registry have, whose Python tells its list."""
    repository, context = f"{registry.address}/{secrets.token_hex(4)}/k8s-hub", tmp_path / "base"
    image = f"{repository}:3.3.8"
    write_program(context, "python3", f"echo '[{PIP_LIST}]'")
    (context / "Dockerfile").write_text(f"FROM {mirror}:3.3.8\nCOPY python3 /usr/local/bin/python3\n")
    sh("docker", "buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", image, ".", cwd=context)
    sh("docker", "push", "--quiet", image, cwd=context)
    yield repository
    run("docker", "image", "rm", image, cwd=tmp_path)


def looked_at(hub: Hub) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return what ``check`` finds, and what it could not look at."""
    told = check(hub, "--json").json
    return told["problems"], told["not_checked"]


@pytest.mark.engine
def test_check_asks_the_base_image_where_this_machine_has_it(
    base: str, tmp_path: Path, prefix: str, charts: HelmServer
) -> None:
    hub = make_hub(tmp_path / "hub", version="3.3.8", base=base, registry=prefix, chart_repository=charts.url)
    hub.write(DOCKERFILE, f"FROM {base}:3.3.8\nCOPY requirements.txt /tmp/\n")
    hub.put(PINS, "oauthenticator==16.0.0\nsqlalchemy==2.0.36\nPyJWT==3.0\n")
    problem = {
        "code": "pin-older-than-base",
        "path": PINS,
        "line": 1,
        "message": f"oauthenticator is pinned to 16.0.0, but {base}:3.3.8 ships 17.1.0",
        "hint": f"take the pin out, or pin 17.1.0; {Code.OLD_PIN.how_to_accept}",
        "severity": "warning",
    }
    built(hub)
    assert looked_at(hub) == ([problem], [])
    sh("docker", "image", "rm", f"{base}:3.3.8", cwd=tmp_path)
    (unchecked,) = looked_at(hub)[1]
    assert unchecked == {
        "message": f"pins against the packages of {base}:3.3.8: no Docker engine here has it",
        "hint": f"docker info; docker pull {base}:3.3.8, then: invoke check",
    }
    sh("docker", "pull", "--quiet", f"{base}:3.3.8", cwd=tmp_path)
    assert looked_at(hub) == ([problem], [])


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo not JSON", id="no JSON"),
        pytest.param("printf '%020000d' 0 | tr 0 '['", id="deeper than one can read"),
    ],
)
def test_a_base_that_does_not_tell_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A STAND-IN for docker says what the base's Python does."""
    monkeypatch.setenv("PATH", str(write_program(tmp_path, "docker", script).parent), prepend=os.pathsep)
    assert packages(Reference("registry.test/k8s-hub", "3.3.8")) is None
