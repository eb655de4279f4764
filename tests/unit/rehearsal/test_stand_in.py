import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.core.faults import Refused, Unusable
from tasks.rehearsal.registry import build_stand_in, is_stand_in, remove_stand_in, stand_ins
from tests.support.cli import run, sh
from tests.support.engine import files_of

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
def base() -> Iterator[str]:
    """A stand-in that no other test uses."""
    reference = f"quay.io/jupyterhub/k8s-hub:lab-{secrets.token_hex(4)}"
    with stand_ins((reference,)):
        yield reference


def layers(reference: str) -> list[str]:
    argv = ("docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", reference)
    found: list[str] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return found


@pytest.mark.engine
def test_a_usual_hub_dockerfile_builds_on_the_stand_in(base: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(USUAL.format(base=base))
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    image = f"{base}-built"
    sh("docker", "buildx", "build", "--quiet", "--load", "--tag", image, ".", cwd=tmp_path)
    try:
        _, log = files_of(image, pull="never")[LOG]
        assert layers(image)[: len(layers(base))] == layers(base)
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


@pytest.mark.engine
def test_nobody_can_run_a_stand_in_as_a_hub(base: str, tmp_path: Path) -> None:
    result = run("docker", "run", "--rm", "--network=none", base, cwd=tmp_path)
    assert result.code == 1
    assert "this image is a stand-in" in result.err


@pytest.mark.engine
def test_a_stand_in_is_removed_and_a_real_image_is_left_alone(base: str, tmp_path: Path) -> None:
    real = f"{base}-real"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL whose=theirs\n")
    sh("docker", "buildx", "build", "--quiet", "--load", "--tag", real, ".", cwd=tmp_path)
    try:
        remove_stand_in(real)
        assert run("docker", "image", "inspect", real, cwd=tmp_path).code == 0
        with pytest.raises(Refused, match="real image"):
            build_stand_in(real)
    finally:
        sh("docker", "image", "rm", real, cwd=tmp_path)
    remove_stand_in(base)
    assert not is_stand_in(base)
    remove_stand_in(base)


@pytest.mark.engine
def test_the_last_one_who_needs_a_stand_in_removes_it(base: str) -> None:
    name = f"{base}-shared"
    with stand_ins((name,)):
        with stand_ins((name,)):
            pass
        assert is_stand_in(name)
    assert not is_stand_in(name)


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's locks, with nothing in it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "hubpress-stand-ins").mkdir()
    return tmp_path / "hubpress-stand-ins"


def another_users(file: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to act for another user")
    file.touch()
    os.chown(file, 65534, 65534)


@pytest.mark.parametrize("make", [os.mkfifo, another_users])
def test_what_is_no_lock_of_this_user_s_is_not_waited_for(locks: Path, make: Callable[[Path], None]) -> None:
    file = locks / f"stand-in-{hashlib.sha256(b'x/hub:1').hexdigest()[:16]}.lock"
    make(file)
    with pytest.raises(Unusable, match="cannot use the lock file") as fault, stand_ins(("x/hub:1",)):
        pass
    assert fault.value.where == str(file)
    assert f"{file}; remove the file" in fault.value.hint
