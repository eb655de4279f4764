"""The bake definition: what it says, and that the real bake reads it so."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.core.faults import Unusable
from tasks.image.engines import definition, target_name, with_own_file
from tasks.image.inputs import bake_fields, outward_options
from tests.support.calls import raised
from tests.support.cli import run


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["hub", "hub-2", "hub_b"], ["hub", "hub-2-1", "hub_b"]),
        (["hub.main", "hub/main"], ["hub-main-0", "hub-main-1"]),
        (["a.b", "a-b-0"], ["a-b-0", "a-b-0-1"]),
    ],
)
def test_no_two_images_share_a_targets_name(keys: list[str], names: list[str]) -> None:
    assert [target_name(index, key) for index, key in enumerate(keys)] == names


HOSTILE = ["${HOME}", "$${x}", "%{ if true }", "%%{x}", "${", "%{", "$", "$$", "{{}}", "\\${x}", "\"'`$(id)\n", "é"]


@pytest.mark.engine
def test_bake_takes_every_text_as_it_stands(tmp_path: Path) -> None:
    text = " ".join(HOSTILE)
    target = {
        "context": f"images/{text}",
        "dockerfile": f"{text}/Dockerfile",
        "args": {"ARG": text, f"ARG{text}": "value"},
        "labels": {"label": text, f"label{text}": "value"},
        "target": text,
        "output": ["type=docker"],
    }
    bake = ("docker", "buildx", "bake", "--file", "-", "--print")
    printed = run(*bake, cwd=tmp_path, stdin=definition({"hub": target}))
    assert (printed.code, printed.json) == (0, {"group": {"default": {"targets": ["hub"]}}, "target": {"hub": target}})


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


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--squash", "--squash: bake has no field for it"),
        ("--label", "--label: its value is missing"),
        ("--pull=perhaps", "--pull: 'perhaps' is neither true nor false"),
    ],
)
def test_an_option_that_bake_cannot_say_is_refused(option: str, named: str) -> None:
    assert raised(Unusable, bake_fields, [option], "chartpress.yaml", {}) == (
        f"error: an extra build option cannot be used: {named} (chartpress.yaml)\n"
        "hint: take it out, or build as chartpress does: invoke build --engine chartpress"
    )


@pytest.mark.parametrize(
    ("options", "outward"),
    [
        ("--build-arg=A=b --build-arg --push --pull=false", ""),
        ("--cache-from=x/y --cache-to type=inline", "--cache-from=x/y --cache-to type=inline"),
        ("--tag=x/hub:1 --label a=b -t x/hub:2", "--tag=x/hub:1 -t x/hub:2"),
        ("-qt x/hub:1 --push --rm", "-qt x/hub:1 --push"),
        ("-otype=registry,name=x/hub --iidfile=/etc/x", "-otype=registry,name=x/hub --iidfile=/etc/x"),
    ],
)
def test_what_an_option_may_reach_is_known_or_it_leads_outside(options: str, outward: str) -> None:
    words = options.split()
    assert [words[at] for at in outward_options(words)] == outward.split()


@pytest.mark.engine
def test_bake_reads_every_extra_option(tmp_path: Path) -> None:
    # buildx looks whether there is an agent for --ssh.
    given = [word for option, _ in OPTIONS for word in option.split() if "ssh" not in option]
    (tmp_path / "docker-bake.json").write_text(
        json.dumps({"target": {"default": bake_fields(given, "chartpress.yaml", {"LC_ALL": "C.UTF-8"})}})
    )
    assert run("docker", "buildx", "bake", "--print", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("--secret=id=t,src=token.txt", '--secret=id=t,"src=TOP/token.txt"'),
        ("--secret=src=token.txt,id=t", '--secret="src=TOP/token.txt",id=t'),
        ("type=file,id=t,source=token.txt", 'type=file,id=t,"src=TOP/token.txt"'),
        ("type=env,id=t,source=TOKEN", "type=env,id=t,source=TOKEN"),
        ("--build-arg=src=token.txt", "--build-arg=src=token.txt"),
    ],
)
def test_a_secret_that_is_a_file_here_is_found_from_another_folder(tmp_path: Path, option: str, found: str) -> None:
    folder = tmp_path / 'Uni, "Berkeley"'
    folder.mkdir()
    (folder / "token.txt").write_text("secret")
    quoted = str(folder).replace('"', '""')
    assert with_own_file(option, folder) == found.replace("TOP", quoted)
