from pathlib import Path

import pytest
import semver

from tasks.core.yaml_tree import load_file
from tasks.releases.notes import Note, Watch, known, upgrades_between
from tasks.review.bump import (
    Value,
    concerns,
    upgrade_paragraph,
    upgrade_warnings,
    upgrades_here,
    values_below,
)
from tests.support.calls import opened
from tests.support.charts import CAL_ICOR
from tests.support.hubs import Hub, make_hub
from tests.support.layouts import make_cal_icor_like

(UPGRADE_TO_4,) = (upgrade for upgrade in known().upgrades if upgrade.first == "4.0.0-0")


# -- what is crossed


@pytest.mark.parametrize(
    ("before", "after", "titles"),
    [
        ("3.2.1", "3.3.8", []),
        ("3.3.8", "4.0.0", ["Every major version", "z2jh 3 to 4"]),
        ("3.3.8", "4.4.0", ["Every major version", "z2jh 3 to 4", "z2jh 4.3"]),
        ("4.2.0", "4.4.0", ["z2jh 4.3"]),
        ("1.2.0", "3.3.8", ["Every major version", "z2jh 1 to 2", "z2jh 2 to 3"]),
        ("3.3.8", "4.0.0-beta.4", ["Every major version", "z2jh 3 to 4"]),
        ("4.0.0-beta.4", "4.0.0", []),
        ("4.4.0", "5.0.0-0.dev.git.7340.h48ea50e3", ["Every major version", "z2jh 4 to 5"]),
        ("0.11.1", "1.0.0", ["Every major version"]),
        ("4.4.0", "3.3.8", ["Back to an older version"]),
        ("4.3.5", "4.3.4", []),
        ("2.0.0", "3.0.3", ["Every major version", "z2jh 2 to 3", "Staying on z2jh 3.0"]),
        ("3.0.1", "3.0.3", ["Staying on z2jh 3.0"]),
        ("3.0.3", "3.1.0", ["Leaving z2jh 3.0"]),
        ("3.0.0", "3.3.8", ["Leaving z2jh 3.0"]),
        ("v0.6.x", "4.4.0", []),
        (None, "4.4.0", []),
    ],
)
def test_what_a_move_crosses(before: str | None, after: str, titles: list[str]) -> None:
    assert [upgrade.title for upgrade in upgrades_between(before, after)] == titles


def test_what_is_known_stands_in_semvers_order_and_kubernetes_never_falls() -> None:
    for names in ([upgrade.first for upgrade in known().upgrades], known().security):
        versions = [semver.Version.parse(name) for name in names]
        assert versions == sorted(versions)
    oldest = [tuple(map(int, upgrade.kubernetes.split("."))) for upgrade in known().upgrades if upgrade.kubernetes]
    assert oldest == sorted(oldest)


def test_every_note_is_one_line_of_sentences() -> None:
    for note in (note for one in (known().any_major, known().going_back, *known().upgrades) for note in one.notes):
        assert note.text == " ".join(note.text.split())
        assert note.text.endswith(".")
        assert all("**" not in watch.path.removesuffix("**") for watch in note.watches)


TEXT = """\
jupyterhub:
  hub:
    config:
      OAuthenticator: {allow_all: true}
      loadRoles: {}
    extraConfig:
      a: |
        first
        c.KubeSpawner.pod_name_template = "user-{username}"
      b: "user-{username}"
    db: {type: postgres}
  singleuser:
    storage: {type: dynamic}
    extraEnv:
      PLAIN: plain
      BRACES: "{x}"
      NESTED: {value: "{y}"}
    profileList:
      - display_name: for {username}
      - &shared {display_name: plain}
      - *shared
other:
  jupyterhub: {hub: {fsGid: 1}}
  deeper:
    jupyterhub: {hub: {fsGid: 2}}
    deepest: {far: {jupyterhub: {hub: {fsGid: 3}}}}
"""


@pytest.mark.parametrize(
    ("watch", "found"),
    [
        (Watch("hub.config.*.allow_all"), ["4 jupyterhub.hub.config.OAuthenticator.allow_all"]),
        (Watch("hub.config.[!A-Z]*"), ["5 jupyterhub.hub.config.loadRoles"]),
        (Watch("hub.db.type", other_than="sqlite-pvc"), ["11 jupyterhub.hub.db.type"]),
        (Watch("hub.db.type", other_than="postgres"), []),
        (Watch("singleuser.storage.type", holds="static"), []),
        (
            Watch("singleuser.extraEnv.**", holds="{"),
            ["16 jupyterhub.singleuser.extraEnv.BRACES", "17 jupyterhub.singleuser.extraEnv.NESTED.value"],
        ),
        (
            Watch("**", holds="{username}"),
            [
                "7 jupyterhub.hub.extraConfig.a",
                "10 jupyterhub.hub.extraConfig.b",
                "19 jupyterhub.singleuser.profileList.0.display_name",
            ],
        ),
        (Watch("hub.fsGid"), ["23 other.jupyterhub.hub.fsGid", "25 other.deeper.jupyterhub.hub.fsGid"]),
        (
            Watch("hub.config.**"),
            [
                "4 jupyterhub.hub.config.OAuthenticator",
                "4 jupyterhub.hub.config.OAuthenticator.allow_all",
                "5 jupyterhub.hub.config.loadRoles",
            ],
        ),
    ],
)
def test_the_values_that_a_note_concerns(watch: Watch, found: list[str]) -> None:
    values = list(values_below(load_file(TEXT.encode(), ""), "values.yaml", "jupyterhub"))
    assert [f"{one.line} {one.key}" for one in values if concerns(Note("Any.", (watch,)), one)] == found


def places(hub: Hub) -> list[str]:
    here = upgrades_here(opened(hub), "1.2.0", "4.4.0")
    return sorted({str(one) for notes in here.values() for found in notes.values() for one in found})


def test_every_values_file_of_the_repository_is_looked_through(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    hub.write("deployments/staging/config.yml", "jupyterhub:\n  singleuser: {cmd: jupyterhub-singleuser}\n")
    hub.write("deployments/prod/config.yaml", "# Ours\njupyterhub:\n  hub:\n    fsGid: 1000\n")
    hub.write("deployments/prod/other.yaml", "binderhub:\n  hub:\n    fsGid: 1000\n")
    hub.write("templates/pod.yaml", "jupyterhub: {{ .Values.hub }}\n  - {\n")
    hub.commit("Add deployments")
    hub.write("untracked.yaml", "jupyterhub:\n  hub:\n    fsGid: 1000\n")
    assert places(hub) == [
        "deployments/prod/config.yaml:4 jupyterhub.hub.fsGid",
        "deployments/staging/config.yml:2 jupyterhub.singleuser.cmd",
        "hub/values.yaml:9 jupyterhub.hub.config.JupyterHub.authenticator_class",
    ]


def test_values_stand_under_the_requirements_alias(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    hub.edit("hub/requirements.yaml", "name: jupyterhub\n", "name: jupyterhub\n    alias: ours\n")
    hub.write("deployments/x.yaml", "ours: {hub: {fsGid: 1}}\njupyterhub: {hub: {fsGid: 2}}\n")
    hub.commit("Name it otherwise")
    assert places(hub) == ["deployments/x.yaml:1 ours.hub.fsGid"]


def test_cal_icors_own_values(tmp_path: Path) -> None:
    hub = make_cal_icor_like(tmp_path / "hub")
    hub.put("hub/values.yaml", (CAL_ICOR / "hub/values.yaml").read_text(encoding="utf-8"))
    here = upgrades_here(opened(hub), "3.3.8", "4.4.0")
    found = [[str(one) for one in values] for notes in here.values() for values in notes.values()]
    assert [lines for lines in found if lines] == [
        ["hub/values.yaml:52 jupyterhub.proxy.chp.image"],
        [
            "hub/values.yaml:191 jupyterhub.hub.config.JupyterHub.authenticator_class",
            "hub/values.yaml:199 jupyterhub.hub.config.OAuthenticator.allow_all",
        ],
        ["hub/values.yaml:52 jupyterhub.proxy.chp.image"],
    ]


# -- where people read it


def test_a_message_names_ten_values_and_counts_the_rest() -> None:
    found = tuple(Value("values.yaml", line, "key") for line in range(1, 15))
    here = {UPGRADE_TO_4: {"Any.": found}}
    paragraph = upgrade_paragraph(here)
    assert paragraph[2:4] + paragraph[-2:] == [
        *("- values.yaml:1 key", "- values.yaml:2 key"),
        *("- values.yaml:10 key", "- and 4 more"),
    ]
    assert [*upgrade_warnings(here)][1].endswith(", values.yaml:10 key, and 4 more.")
