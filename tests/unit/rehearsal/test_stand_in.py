import secrets
from pathlib import Path

import pytest

from tasks.core.names import Reference
from tasks.rehearsal.registry import Registry, push_stand_in
from tests.support.cli import run, sh
from tests.support.engine import files_of

pytestmark = pytest.mark.engine

USUAL = """\
FROM {base}

USER root
RUN apt-get update && apt-get install -y --no-install-recommends net-tools && rm -rf /var/lib/apt/lists/*
COPY --chown=${{NB_USER}}:${{NB_USER}} requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt
RUN python3 -m pip install --no-cache oauthenticator==17.1.0
RUN pip3 install 'git+https://github.com/jupyterhub/ltiauthenticator@main'
RUN apt update && apt install --yes npm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN mkdir -p /usr/local/etc/jupyterhub-configurator && echo x | cat >/usr/local/etc/jupyterhub-configurator/x

USER ${{NB_USER}}
RUN test "$(id -un)" = jovyan && test "$HOME" = /home/jovyan && test "$PWD" = /srv/jupyterhub && touch "$HOME/mine"
"""
LOG = "/srv/jupyterhub/stand-in.log"
REQUIREMENTS = "# Ours.\njupyterhub-nativeauthenticator==1.3.0\n"


@pytest.fixture
def base(registry: Registry) -> str:
    """A stand-in that no other test uses."""
    image = Reference(f"{registry.address}/{secrets.token_hex(4)}/k8s-hub", "lab")
    push_stand_in(image)
    return str(image)


def test_a_usual_hub_dockerfile_builds_on_the_stand_in(base: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(USUAL.format(base=base))
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    image = f"{base}-built"
    sh("docker", "buildx", "build", "--quiet", "--load", "--tag", image, ".", cwd=tmp_path)
    try:
        _, log = files_of(image, pull="never")[LOG]
    finally:
        sh("docker", "image", "rm", image, cwd=tmp_path)
    assert log.splitlines() == [
        "apt-get update",
        "apt-get install -y --no-install-recommends net-tools",
        "pip install --no-cache-dir -r /tmp/requirements.txt",
        "    # Ours.",
        "    jupyterhub-nativeauthenticator==1.3.0",
        "pip install --no-cache oauthenticator==17.1.0",
        "pip install git+https://github.com/jupyterhub/ltiauthenticator@main",
        "apt update",
        "apt install --yes npm",
    ]


def test_nobody_can_run_a_stand_in_as_a_hub(base: str, tmp_path: Path) -> None:
    result = run("docker", "run", "--rm", "--network=none", base, cwd=tmp_path)
    assert result.code == 1
    assert "this image is a stand-in" in result.err
