"""The places of a release: each moved to the byte and in one commit, each told of where it was left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from tasks.core.settings import read_settings
from tasks.repo.deployments import staying_installations
from tasks.repo.hub import layout_warnings, open_hub
from tasks.tools.git import Git
from tests.support.calls import opened, refused
from tests.support.fixtures import Hubpress
from tests.support.helm import RELEASES, HelmServer
from tests.support.hubs import Hub, make_hub, make_repository
from tests.support.machine import PROJECT
from tests.support.world import each, ended, fault

DOCKERFILE, REQUIREMENTS, CONFIG = "images/hub/Dockerfile", "hub/requirements.yaml", "chartpress.yaml"
URL = "https://jupyterhub.github.io/helm-chart/"


class Place(NamedTuple):
    """A file with the release at «V», the setting ``pins`` that names it, and what a check calls it."""

    file: str
    text: str
    pins: str = ""
    code: str = "pin-differs"


# In two parts, as it is no mark here.
IN_MARKDOWN = "<!-- hubpress: " + "jupyterhub -->"
PLACES = {
    "a HelmRelease behind another one": Place(
        "clusters/a/hub.yaml",
        "kind: HelmRelease\nspec: {chart: {spec: {chart: grafana, version: 3.2.1}}}\n---\nkind: HelmRelease # ours\n"
        "spec:\n  chart:\n    spec:\n      chart: jupyterhub\n      version: '«V»' # see 3.2.1\n---\n",
        "{file: 'clusters/*/*.yaml', path: spec.chart.spec.version}",
    ),
    "an Application": Place(
        "argo.yaml",
        f"spec:\r\n  source:\r\n    chart: jupyterhub\r\n    repoURL: {URL}\r\n    targetRevision: «V»\r\n",
        "{file: argo.yaml, path: spec.source.targetRevision}",
    ),
    "an Application of several sources": Place(
        "argo.yaml",
        "spec:\n  sources:\n  - {repoURL: https://github.com/a/b, targetRevision: main, ref: values}\n"
        f"  - repoURL: {URL}\n    chart: jupyterhub\n    targetRevision: «V»\n",
        "{file: argo.yaml, path: 'spec.sources.*.targetRevision'}",
    ),
    "Fleet, with the archive's address": Place(
        "fleet.yaml",
        "helm:\n  chart: https://hub.jupyter.org/helm-chart/jupyterhub-3.2.1.tgz\n  version: «V»\n",
        "{file: fleet.yaml, path: helm.version}",
    ),
    "an archive's address in JSON": Place(
        "hub.json", '{"hub": {"url": "https://x/jupyterhub-«V».tgz"}}', "{file: hub.json, path: hub.url}"
    ),
    "Terraform, the line above": Place(
        "main.tf",
        'resource "x" "hub" {\n  chart = "jupyterhub"\n  # hubpress: jupyterhub\n  version = "«V»" # not 3.2.0\n}\n',
    ),
    "Terraform, a text of the settings": Place(
        "main.tf",
        'x = "3.2.1"\n  chart   = "jupyterhub"\n  version = "«V»"\n',
        "{file: '*.tf', marker: 'chart   = \"jupyterhub\"'}",
    ),
    "Terraform, a variable": Place(
        "main.tf",
        f"# renovate: datasource=helm depName=jupyterhub registryUrl={URL}\n"
        'variable "z2jh" {\n  default = "«V»"\n}\n',
    ),
    "a shell script, the same line": Place(
        "deploy.sh",
        "helm upgrade x x/x --version 3.2.1\nhelm upgrade hub j/jupyterhub --version «V»  # hubpress: jupyterhub\n",
    ),
    "Python, Renovate's marker": Place(
        "infra.py",
        f"# renovate: datasource=helm depName=jupyterhub registryUrl={URL}\nVERSION = '«V»'\n"
        "# renovate: datasource=helm depName=binderhub\nOTHER = '3.2.1'\n"
        "# renovate: datasource=docker depName=jupyterhub\nIMAGE = '3.2.1'\n",
    ),
    "a text, the same line": Place("z2jh.txt", "  «V»  # hubpress: jupyterhub\n"),
    "a list's item": Place("hub.md", f"{IN_MARKDOWN}\n* «V»\n"),
    "a quotation": Place("hub.md", f"> «V» {IN_MARKDOWN}\n"),
    "a variable called as a wildcard": Place("hub.py", "# hubpress: jupyterhub\nx = «V»\n"),
    "a copy of the chart": Place(
        "config/a/hub.Chart.yaml",
        f"name: basehub\nversion: 3.2.1\ndependencies:\n- name: jupyterhub\n  version: «V»\n  repository: {URL}\n"
        "- {name: x, version: 3.2.1, repository: 'https://x'}\n",
        code="chart-copies-differ",
    ),
    "a copy with requirements.yaml": Place(
        "charts/other/requirements.yaml",
        f"dependencies:\n- {{name: jupyterhub, version: v«V», repository: '{URL.rstrip('/')}'}}\n",
        code="chart-copies-differ",
    ),
}
LEFT_ALONE = {
    "another chart of that name": (
        "b/Chart.yaml",
        "name: b\ndependencies: [{name: jupyterhub, version: 3.2.1, repository: https://charts.bitnami.com/bitnami}]\n",
    ),
    "a marker in prose": ("docs/a.md", "Write it as\n\n    # hubpress: jupyterhub\n    VERSION=3.2.1\n"),
    "a marker in a string": ("a.py", 'X = "# hubpress: jupyterhub"\nY = "3.2.1"\n'),
    "a marker of another chart": ("a.tf", '# hubpress: jupyterhub-ssh\nversion = "3.2.1"\n'),
    "a file that is no YAML": ("b/Chart.yaml", "dependencies:\n{{ if x }}- name: jupyterhub\n  version: 3.2.1\n"),
}


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", helm_repository.url)
    return make_hub(tmp_path / "hub", chart_repository=URL)


def put(hub: Hub, place: Place, version: str = "3.2.1") -> None:
    hub.write(place.file, place.text.replace("«V»", version))
    if place.pins:
        hub.write("invoke.yaml", f"hub:\n  pins:\n  - {place.pins}\n")
    hub.commit("Pin it")


def checked(hubpress: Hubpress, hub: Hub, keys: str) -> list[tuple[Any, ...]]:
    problems = hubpress(hub, "check", "--offline", "--json").json["problems"]
    return each((one for one in problems if one["code"] != "values-empty"), keys)


def codes(hubpress: Hubpress, hub: Hub) -> list[str]:
    return [code for (code,) in checked(hubpress, hub, "code")]


@pytest.mark.parametrize(
    ("flags", "version"),
    [("", "3.3.8"), ("--major", "4.4.0"), ("--pre", "3.3.8"), ("--major --dev", RELEASES[0].version)],
)
def test_flags_say_which_releases_count(hub: Hub, hubpress: Hubpress, flags: str, version: str) -> None:
    assert hubpress(hub, "--dry", "bump", *flags.split(), "--json").json["chart"]["after"] == version


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_place_that_was_left_behind_is_told_and_moves_with_the_release(
    hub: Hub, place: Place, hubpress: Hubpress
) -> None:
    put(hub, place, "3.2.0")
    assert codes(hubpress, hub) == [place.code]
    done = hubpress(hub, "bump", "--json")
    assert done.code == 0, done
    assert done.json["files"] == [DOCKERFILE, REQUIREMENTS, place.file]
    assert hub.read(place.file) == place.text.replace("«V»", "3.3.8")
    assert hubpress(hub, "commit").code == 0
    assert hub.git("show", "--pretty=", "--name-only").splitlines() == sorted((DOCKERFILE, REQUIREMENTS, place.file))
    assert codes(hubpress, hub) == []


@pytest.mark.parametrize("name", ["a copy of the chart", "Terraform, the line above"])
def test_a_place_that_a_sparse_checkout_leaves_out_is_told_and_not_left_behind(
    hub: Hub, name: str, hubpress: Hubpress
) -> None:
    place = PLACES[name]._replace(file=f"far/{PLACES[name].file}")
    put(hub, place, "3.2.0")
    hub.git("sparse-checkout", "set", "--no-cone", "/*", "!/far/")
    assert codes(hubpress, hub) == [place.code]
    folder = place.file.rpartition("/")[0]
    told = (f"the file is not checked out ({place.file})", f"git sparse-checkout add {folder}")
    assert refused(hubpress, hub, "bump") == (1, *told)


@pytest.mark.parametrize("name", ["a copy of the chart", "Terraform, the line above"])
def test_a_place_whose_differences_git_does_not_show_moves_too(hub: Hub, name: str, hubpress: Hubpress) -> None:
    place = PLACES[name]
    hub.write(".gitattributes", "* -diff\n")
    put(hub, place, "3.2.0")
    assert place.file in hubpress(hub, "bump", "--json").json["files"]


def test_a_search_for_places_that_fails_does_not_count_as_none(hub: Hub, hubpress: Hubpress) -> None:
    put(hub, PLACES["Terraform, the line above"], "3.2.0")
    hub.git("config", "grep.threads", "many")
    error, _ = fault(done := hubpress(hub, "bump"))
    assert (done.code, error.startswith("git grep: bad numeric config value 'many'")) == (3, True), done


@pytest.mark.parametrize("name", ["a copy of the chart", "Terraform, the line above", "an Application"])
def test_a_place_whose_difference_is_accepted_stays(hub: Hub, name: str, hubpress: Hubpress) -> None:
    place = PLACES[name]
    put(hub, place, "3.2.0")
    settings = hub.read("invoke.yaml") if place.pins else "hub:\n"
    hub.put("invoke.yaml", f"{settings}  accept: [{{code: {place.code}, path: '*a*'}}]\n")
    assert place.file not in hubpress(hub, "bump", "--json").json["files"]
    assert hub.read(place.file) == place.text.replace("«V»", "3.2.0")
    again = hubpress(hub, "--dry", "bump")
    assert f"{place.file}: " in again.out
    assert f" 3.2.0 stays, as hub.accept names {place.code}\n" in again.out
    assert hubpress(hub, "commit").code == 0
    assert checked(hubpress, hub, "code severity") == [(place.code, "accepted")]


def test_the_lock_of_a_copy_that_stays_is_not_told_beside_it(hub: Hub, hubpress: Hubpress) -> None:
    place = PLACES["a copy with requirements.yaml"]
    put(hub, place, "3.2.0")
    hub.write("invoke.yaml", f"hub: {{accept: [{place.code}]}}\n")
    hub.put("charts/other/requirements.lock", place.text.replace("v«V»", "3.2.0"))
    lines = hubpress(hub, "--dry", "bump").out.splitlines()
    staying = [line.strip() for line in lines if " stays" in line]
    assert staying == [f"! {place.file}: jupyterhub v3.2.0 stays, as hub.accept names {place.code}"]


def test_a_place_that_stays_and_has_no_version_is_a_warning_and_a_dry_run_ends_as_the_real_one(
    hub: Hub, hubpress: Hubpress
) -> None:
    hub.write("invoke.yaml", "hub: {accept: [pin-differs]}\n")
    hub.put("a.tf", "# hubpress: jupyterhub\n\n")
    dry = hubpress(hub, "--dry", "bump")
    assert "! there is no version here (a.tf:2)" in dry.out
    assert dry.code == hubpress(hub, "bump").code == 0


def test_what_is_no_place_of_the_release_stays(hub: Hub, hubpress: Hubpress) -> None:
    files = {f"{number}/{file}": text for number, (file, text) in enumerate(LEFT_ALONE.values())}
    for file, text in files.items():
        put(hub, Place(file, text))
    assert hubpress(hub, "bump", "--json").json["files"] == [DOCKERFILE, REQUIREMENTS]
    assert {file: hub.read(file) for file in files} == files


NO_PLACES = {
    "two versions": (
        Place("a.tf", '# hubpress: jupyterhub\nversion = "3.2.1", other = "3.2.2"\n'),
        'there are 2 versions in \'version = "3.2.1", other = "3.2.2"\', not one (a.tf:2)',
    ),
    "a bound of a range": (
        Place("a.tf", '# hubpress: jupyterhub\nversion = ">=3.2.0 <3.3"\n'),
        'the version is part of a range: version = ">=3.2.0 <3.3" (a.tf:2)',
    ),
    "the beginning of a range": (
        Place("a.yaml", "version: 3.2.x # hubpress: jupyterhub\n"),
        "the version is part of a range: version: 3.2.x (a.yaml:1)",
    ),
    "no version": (
        Place("a.tf", "# hubpress: jupyterhub\nversion = var.z2jh\n"),
        "there is no version here (a.tf:2)",
    ),
    "another chart": (
        Place("a.yaml", "a: {chart: grafana, version: 3.2.1}\n", "{file: a.yaml, path: a.version}"),
        "a.version names no version of jupyterhub there (a.yaml)",
    ),
    "no marker": (
        Place("a.tf", "version = 3.2.1\n", "{file: a.tf}"),
        "# hubpress: jupyterhub names no version of jupyterhub there (a.tf)",
    ),
    "a file that sops has signed": (
        Place(
            "apps/hub.yaml",
            "spec: {chart: jupyterhub, version: 3.2.1}\npassword: ENC[AES256_GCM]\nsops:\n  mac: ENC[AES256_GCM]\n",
            "{file: apps/hub.yaml, path: spec.version}",
        ),
        "sops could not decrypt the file after an edit (apps/hub.yaml)",
    ),
}


@pytest.mark.parametrize(("place", "said"), NO_PLACES.values(), ids=NO_PLACES)
def test_a_place_that_cannot_be_moved_is_named_and_nothing_is_written(
    hub: Hub, place: Place, said: str, hubpress: Hubpress
) -> None:
    put(hub, place)
    assert refused(hubpress, hub, "bump")[:2] == (2, said)


def test_of_all_releases_those_that_share_a_templates_version_stay(hub: Hub, hubpress: Hubpress) -> None:
    """``releases.*.version`` names the version that one of them writes; the others' is a place of its own."""
    text = (
        "templates:\n  hub: &hub {chart: j/jupyterhub, version: 3.2.1}\n"
        "releases:\n- {<<: *hub, name: a}\n- {<<: *hub, name: b, version: «V»}\n"
    )
    put(hub, Place("helmfile.yaml", text, "{file: helmfile.yaml, path: 'releases.*.version'}"))
    assert hubpress(hub, "bump").code == 0
    assert hub.read("helmfile.yaml") == text.replace("«V»", "3.3.8")


def test_two_places_of_one_version_that_need_different_ones(hub: Hub, hubpress: Hubpress) -> None:
    hub.put(DOCKERFILE, "# hubpress: jupyterhub\nARG V=3.2.1\nFROM quay.io/jupyterhub/k8s-hub:$V\n")
    assert hubpress(hub, "bump").code == 0
    assert "ARG V=3.3.8\n" in hub.read(DOCKERFILE)
    hub.git("checkout", "--quiet", "--", ".")
    code, error, _ = refused(hubpress, hub, "bump", "--to", "4.3.3-0.dev.git.7272.h2ff70453")
    assert (code, "another place shares its version" in error) == (2, True)


@pytest.mark.parametrize(
    ("required", "flags", "after", "base", "words"),
    [
        ("v3.2.1", "", "v3.3.8", "3.3.8", ""),
        ("~3.2", "", "~3.2", "3.2.1", "3.3.8 is also available, outside of ~3.2: "),
        ("~3.2", "--to 3.3.8", "~3.3", "3.3.8", ""),
        (">=3.2 <4", "", ">=3.2 <4", "3.3.8", "the range >=3.2 <4 allows 3.3.8 already, and stays"),
        (">=3.2 <4", "--major", "4.4.0", "4.4.0", ""),
        (">=3.2 <4", "--to 3.2.1", "3.2.1", "3.2.1", ""),
    ],
)
def test_a_range_moves_only_by_what_is_asked_for(  # noqa: PLR0913, PLR0917 - a table's columns
    hub: Hub, hubpress: Hubpress, required: str, flags: str, after: str, base: str, words: str
) -> None:
    hub.change(REQUIREMENTS, "version: 3.2.1", f'version: "{required}"')
    assert codes(hubpress, hub) == []
    told = hubpress(hub, "--dry", "bump", *flags.split())
    assert words in told.out, told
    assert ("and stays" in told.out) == (after == required)
    assert hubpress(hub, "bump", *flags.split()).code == 0
    assert f'version: "{after}"' in hub.read(REQUIREMENTS)
    assert f"k8s-hub:{base}\n" in hub.read(DOCKERFILE)
    assert codes(hubpress, hub) == []


# -- build arguments


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ("buildArgs:\n          V: «V» # why", "V"),
        ('extraBuildCommandOptions: ["--build-arg=V=«V»", "--label=a=3.2.1"]', "V"),
        ("extraBuildCommandOptions:\n        - --build-arg\n        - 'V=«V»'", "V"),
        ('buildArgs: {V: "3.1.0"}\n        extraBuildCommandOptions: [--build-arg=V=«V»]', "V"),
        ("buildArgs: {IMAGE: 'quay.io/jupyterhub/k8s-hub:«V»'}", "IMAGE"),
    ],
    ids=["buildArgs", "one option", "an option and its value", "the option wins", "the whole image"],
)
def test_a_build_argument_is_what_from_means(hub: Hub, options: str, argument: str, hubpress: Hubpress) -> None:
    image = "$IMAGE" if argument == "IMAGE" else "quay.io/jupyterhub/k8s-hub:${V}"
    hub.write(DOCKERFILE, f"ARG {argument}=3.1.0\nFROM {image}\n")
    config = f"{hub.read(CONFIG)}        {options}\n"
    hub.put(CONFIG, config.replace("«V»", "3.2.1"))
    dockerfile = hub.read(DOCKERFILE)
    assert codes(hubpress, hub) == []
    done = hubpress(hub, "bump", "--json")
    assert done.json["files"] == [CONFIG, REQUIREMENTS], done
    assert (hub.read(DOCKERFILE), hub.read(CONFIG)) == (dockerfile, config.replace("«V»", "3.3.8"))
    assert hubpress(hub, "commit").code == 0
    assert codes(hubpress, hub) == []


@pytest.mark.parametrize(
    "options", ["extraBuildCommandOptions: [--build-arg, V]", "buildArgs: {V: '{TAG}'}"], ids=["environment", "braces"]
)
def test_a_build_argument_that_cannot_be_moved_is_named_before_anything_is_built(
    hub: Hub, options: str, hubpress: Hubpress
) -> None:
    hub.write(DOCKERFILE, "ARG V=3.2.1\nFROM quay.io/jupyterhub/k8s-hub:$V\n")
    hub.put(CONFIG, f"{hub.read(CONFIG)}        {options}\n")
    said = "the build argument V, whose value is known only while it is built"
    whole = f"FROM quay.io/jupyterhub/k8s-hub:$V uses {said} (images/hub/Dockerfile:2)"
    for task in ("bump", "build"):
        assert refused(hubpress, hub, task)[:2] == (2, whole)


# -- images and values that are somebody's own


def test_an_own_image_called_k8s_hub_is_left_alone_and_said(hub: Hub, hubpress: Hubpress) -> None:
    hub.write("images/own/Dockerfile", "FROM registry.example/uni/k8s-hub:base-3.2.1\n")
    hub.put(CONFIG, f"{hub.read(CONFIG)}      own:\n        contextPath: images/own\n")
    assert [*layout_warnings(opened(hub), ())] == [
        "own is skipped (images/own/Dockerfile: no FROM inherits from z2jh's hub image)"
    ]
    assert hubpress(hub, "bump", "--json").json["files"] == [DOCKERFILE, REQUIREMENTS]


def test_a_glob_of_values_files_is_for_those_that_name_the_image(hub: Hub, hubpress: Hubpress) -> None:
    ours = f"image: {{name: {hub.prefix}hub, tag: old}}\n"
    hub.write("clusters/a/values.yaml", ours)
    hub.write("clusters/b/values.yaml", "image: {name: registry.example/other, tag: old}\n")
    hub.write("clusters/c/values.yaml", "sops: {{ no YAML\n")
    hub.put("invoke.yaml", "hub: {values: [{file: 'clusters/*/values.yaml', path: image}]}\n")
    hub.edit("clusters/a/values.yaml", "tag: old", "tag: new")
    hub.edit("clusters/b/values.yaml", "tag: old", "tag: new")
    assert hubpress(hub, "commit").code == 0
    assert hub.git("show", "--pretty=", "--name-only").splitlines() == ["clusters/a/values.yaml"]


def test_nothing_of_this_project_but_its_example_hub_moves() -> None:
    """A mark in a test or a document would move with it."""
    hub = open_hub(read_settings({}), Git(PROJECT))
    assert set(hub.managed) == {DOCKERFILE, REQUIREMENTS, "hub/values.yaml"}


# -- without a chart of the repository's own, a command deploys z2jh's

ALONE = "image/Dockerfile"
COMMAND = "helm upgrade --install hub jupyterhub/jupyterhub --version «V» --namespace hub -f config.yaml"
OTHERS = (
    "helm repo add jupyterhub https://hub.jupyter.org/helm-chart/\nhelm show values jupyterhub/jupyterhub >all.yaml\n"
)
CERTIFICATES = "helm upgrade --install certs jetstack/cert-manager --version 3.2.1\n"


class Deploying(NamedTuple):
    """A file that deploys the release «V», and how init and hints name it in ``hub.pins``, if that can be."""

    file: str
    text: str
    pin: str


DEPLOYING = {
    "a Makefile": Deploying("Makefile", f"deploy:\n\t@{COMMAND}\n", "marker: 'jupyterhub/jupyterhub --version'"),
    "a Makefile with helm in a variable": Deploying(
        "Makefile",
        f"HELM ?= helm\ndeploy:\n\t{COMMAND.replace('helm', '$(HELM)', 1)}\n",
        "marker: 'jupyterhub/jupyterhub --version'",
    ),
    "a script with other commands": Deploying(
        "deploy.sh",
        f"{OTHERS}{CERTIFICATES}{COMMAND} --set a.tag=1.2.3\n",
        "marker: 'jupyterhub/jupyterhub --version'",
    ),
    "a workflow, in several lines": Deploying(
        ".github/workflows/deploy.yml",
        "jobs:\n  hub:\n    steps:\n    - run: |\n        helm upgrade --install \\\n"
        "          hub jupyterhub/jupyterhub \\\n"
        "          --namespace hub \\\n          --version=«V» \\\n          -f config.yaml\n",
        "marker: jupyterhub/jupyterhub",
    ),
    "PowerShell, in several lines": Deploying(
        "deploy.ps1",
        "helm upgrade --install hub jupyterhub/jupyterhub `\n  --version «V» `\n  -f config.yaml\n",
        "marker: jupyterhub/jupyterhub",
    ),
    "an archive's address": Deploying(
        "deploy.sh",
        "helm upgrade --install hub \\\n  'https://hub.jupyter.org/helm-chart/jupyterhub-«V».tgz' -f config.yaml\n",
        "marker: https://hub.jupyter.org/helm-chart/jupyterhub-",
    ),
    "the repository in the command": Deploying(
        "deploy.sh",
        "helm install hub jupyterhub --repo https://hub.jupyter.org/helm-chart/ --version '«V»'\n",
        "marker: 'jupyterhub --repo https://hub.jupyter.org/helm-chart/ --version'",
    ),
    "Flux": Deploying(
        "clusters/a/hub.yaml",
        "kind: HelmRelease\nspec: {chart: {spec: {chart: grafana, version: 3.2.1}}}\n---\nkind: HelmRelease\n"
        "spec:\n  chart:\n    spec:\n      chart: jupyterhub\n      version: '«V»'\n",
        "path: spec.chart.spec.version",
    ),
    "Flux, from an OCI registry": Deploying(
        "clusters/a/chart.yaml",
        "kind: GitRepository\nspec: {url: 'https://example.org/jupyterhub', ref: {branch: main}}\n---\n"
        "kind: OCIRepository\nspec:\n  url: oci://ghcr.io/mirror/jupyterhub\n  ref:\n    tag: «V»\n",
        "path: spec.ref.tag",
    ),
    "Argo CD": Deploying(
        "argo.yaml",
        f"spec:\n  sources:\n  - repoURL: {URL}\n    chart: jupyterhub\n    targetRevision: «V»\n",
        "path: spec.sources.0.targetRevision",
    ),
    "Argo CD, in JSON": Deploying(
        "argo.json",
        f'{{\n  "spec": {{\n    "source": {{"repoURL": "{URL}", "chart": "jupyterhub",\n'
        '      "targetRevision": "«V»"}\n  }\n}\n',
        "path: spec.source.targetRevision",
    ),
    "Ansible": Deploying(
        "playbook.yml",
        "- hosts: localhost\n  tasks:\n  - name: Deploy the hub\n    helm:\n      name: hub\n"
        "      chart_ref: jupyterhub/jupyterhub\n      chart_version: «V»\n",
        "path: 0.tasks.0.helm.chart_version",
    ),
    "Terraform's Helm provider": Deploying(
        "main.tf",
        f'resource "helm_release" "hub" {{\n  repository = "{URL}"\n  chart = "jupyterhub"\n  version = "«V»"\n}}\n',
        "",
    ),
}
BY_MARK = "mark the line that has the version with a comment: # hubpress: jupyterhub"


ImageAlone: TypeAlias = Callable[[str, str], Hub]


@pytest.fixture
def image_alone(tmp_path: Path, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch) -> ImageAlone:
    """Makes a repository of an image and one more file, for releases of ``helm_repository``."""
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", helm_repository.url)
    base = "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"
    return lambda file, text: make_repository(tmp_path / "alone", {ALONE: base, file: text})


@pytest.mark.parametrize("one", DEPLOYING.values(), ids=DEPLOYING)
def test_a_version_that_no_setting_names_is_told_and_never_called_moved(
    image_alone: ImageAlone, hubpress: Hubpress, one: Deploying
) -> None:
    hub, line = image_alone(one.file, one.text.replace("«V»", "3.2.1")), one.text.partition("«V»")[0].count("\n") + 1
    setting = f"in invoke.yaml: hub: {{pins: [{{file: {one.file}, {one.pin}}}]}}" if one.pin else BY_MARK
    told = ("pin-stays", one.file, line, "warning", setting)
    assert checked(hubpress, hub, "code path line severity hint") == [told]
    assert f"! {one.file}:{line} deploys 3.2.1, and stays; to move it too: {setting}\n" in (
        hubpress(hub, "--dry", "bump").out
    )
    assert hubpress(hub, "bump", "--json").json["files"] == [ALONE]
    assert hubpress(hub, "commit").code == 0
    assert hub.subjects()[0] == "Build the hub image on k8s-hub:3.3.8"
    # Now they differ; what the hint says lets them move together.
    message = f"helm deploys jupyterhub 3.2.1 here, and {ALONE} has 3.3.8"
    differs = ("pin-differs", one.file, line, "fault", message, f"to move both: {setting}")
    assert checked(hubpress, hub, "code path line severity message hint") == [differs]
    if one.pin:
        hub.put("invoke.yaml", setting.removeprefix("in invoke.yaml: "))
    else:
        hub.change(one.file, '"3.2.1"\n', '"3.2.1" # hubpress: jupyterhub\n')
    assert hubpress(hub, "bump", "--to", "3.3.8", "--json").json["files"] == [one.file]
    assert hub.read(one.file).replace(" # hubpress: jupyterhub", "") == one.text.replace("«V»", "3.3.8")
    assert hubpress(hub, "commit").code == 0
    assert hub.git("log", "-1", "--format=%B").splitlines()[2] == f"- chart jupyterhub: 3.2.1 -> 3.3.8 ({one.file})"
    assert codes(hubpress, hub) == []


def release(*arguments: str) -> str:
    """Return a block of Terraform's Helm provider."""
    inside = "".join(f"  {argument}\n" for argument in ('name = "hub"', *arguments))
    return f'resource "helm_release" "hub" {{\n{inside}}}\n'


# The versions that no release moves, None or nothing for whatever is the newest.
STAYING = {
    "helm upgrade hub jupyterhub/jupyterhub -f config.yaml": [None],
    "HELM_DEBUG=1 helm --kube-context x upgrade hub jupyterhub/jupyterhub": [None],
    "helm secrets upgrade --install hub jupyterhub/jupyterhub --version 3.2.0 -f secrets.yaml": ["3.2.0"],
    "helm --kube-context x secrets --evaluate-templates upgrade hub jupyterhub/jupyterhub --version 3.2.0": ["3.2.0"],
    "\t$(HELM) upgrade hub jupyterhub/jupyterhub --version 3.2.0": ["3.2.0"],
    '"${HELM_BIN}" upgrade hub jupyterhub/jupyterhub --version 3.2.0': ["3.2.0"],
    "/usr/local/bin/helm3 upgrade hub jupyterhub/jupyterhub --version 3.2.0": ["3.2.0"],
    "V=3.2.1\nhelm upgrade hub jupyterhub/jupyterhub --version $V": ["$V"],
    "helm upgrade hub jupyterhub/jupyterhub --version ${{ env.V }} -f '../our values.yaml'": ["${{ env.V }}"],
    "V=3.2.1 # hubpress: jupyterhub\nhelm upgrade hub jupyterhub/jupyterhub --version $V": [],
    "# helm upgrade hub jupyterhub/jupyterhub --version 3.2.1": [],
    f"{'a=b;' * 50_000}helm upgrade hub jupyterhub/jupyterhub --version 3.2.1": [],
    "helm upgrade jupyterhub ./charts/jupyterhub --version 3.2.1": [],
    'echo "helm upgrade hub jupyterhub/jupyterhub --version 3.2.1 was run"': [],
    "helm diff upgrade hub jupyterhub/jupyterhub --version 3.2.1": [],
    "helm --debug diff upgrade hub jupyterhub/jupyterhub --version 3.2.1": [],
    "helm show chart jupyterhub/jupyterhub --version 3.2.1 > chart; ./upgrade it": [],
    CERTIFICATES: [],
}
IN_MANIFESTS = {
    "releases: [{chart: j/jupyterhub, version: 3.2.1}, {chart: j/jupyterhub, version: 3.2.0}]": ["3.2.1", "3.2.0"],
    "kind: HelmRelease\nspec:\n  chart:\n    spec:\n      chart: jupyterhub\n      version:": [""],
}
IN_TERRAFORM = {
    release('chart = "jupyterhub"', 'version = "3.2.1" # of March'): ["3.2.1"],
    release('chart = "jupyterhub/jupyterhub"', 'version = "3.2.1"').replace("\n", "\r\n"): ["3.2.1"],
    release('chart = "jupyterhub"'): [None],
    release('chart = "jupyterhub"', "version = var.z2jh // of all hubs"): ["var.z2jh"],
    release('chart = "jupyterhub"', "values = [yamlencode({", '  version = "1.2.3"', "})]"): [None],
    release('chart = "jupyterhub"', 'version = "3.2.1" # hubpress: jupyterhub'): [],
    release('chart = "jupyterhub"', 'version = "3.2.1"') + release('chart = "cert-manager"'): ["3.2.1"],
    release('chart = "cert-manager"') + release('chart = "jupyterhub"', 'version = "3.2.1"'): ["3.2.1"],
    release('chart = "cert-manager"', 'version = "3.2.1"'): [],
    release('chart = "./charts/jupyterhub"', 'version = "3.2.1"'): [],
    release('chart = "${path.module}/jupyterhub"', 'version = "3.2.1"'): [],
    'locals {\n  z2jh = "3.2.1" # hubpress: jupyterhub\n}\n'
    + release('chart = "jupyterhub"', "version = local.z2jh"): [],
}


def test_versions_that_an_alias_or_a_merge_key_stands_for_are_one_place(
    image_alone: ImageAlone, hubpress: Hubpress
) -> None:
    text = "a: &a\n  chart: jupyterhub\n  version: &v 3.2.1\nb: {<<: *a}\nc: {chart: jupyterhub, version: *v}\n"
    made = image_alone("hubs.yaml", text)
    (found,) = staying_installations(opened(made))
    # A path would lead to an edit of what they share, which is refused.
    assert (found.line, found.setting) == (3, BY_MARK)
    made.change("hubs.yaml", "&v 3.2.1", "&v 3.2.1 # hubpress: jupyterhub")
    assert staying_installations(opened(made)) == ()
    assert hubpress(made, "bump").code == 0
    assert "&v 3.3.8 # hubpress" in made.read("hubs.yaml")


def test_a_release_of_terraform_without_a_version_needs_one(image_alone: ImageAlone, hubpress: Hubpress) -> None:
    text = "# Ours.\n" + release('chart = "jupyterhub"')
    hub = image_alone("main.tf", text)
    message = "helm deploys jupyterhub whatever is the newest here, and a release does not move it"
    told = ("pin-stays", "main.tf", 2, message, "give it a version there, then: invoke check")
    assert checked(hubpress, hub, "code path line message hint") == [told]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("deploy.sh", "helm upgrade --install hub dask/daskhub --version 2024.1.1 -f config.yaml\n"),
        ("hub.yaml", "kind: HelmRelease\nspec: {chart: {spec: {chart: daskhub, version: 2024.1.1}}}\n"),
    ],
)
def test_a_chart_that_brings_z2jh_decides_its_release_however_it_is_deployed(
    image_alone: ImageAlone, hubpress: Hubpress, file: str, text: str
) -> None:
    """FROM was moved to a release that daskhub does not have, without a word."""
    hub = image_alone(file, text)
    through = f"jupyterhub is deployed through daskhub, which pins it ({file}:{1 + (file == 'hub.yaml')})"
    assert ended(hubpress(hub, "bump"))[:2] == (1, through)
    assert hubpress(hub, "bump", "--to", "3.3.7", "--json").json["files"] == [ALONE]
    hub.git("rm", "--quiet", "--force", ALONE)
    # Without an image, a new chart would be a second hub.
    assert fault(hubpress(hub, "init", "--prefix", "reg.example.edu/a"))[0].endswith(f"no chart here does ({file})")


@pytest.mark.parametrize(
    ("file", "staying"), [("deploy.sh", STAYING), ("hub.yaml", IN_MANIFESTS), ("infra/main.tf", IN_TERRAFORM)]
)
def test_which_commands_and_manifests_stay(
    image_alone: ImageAlone, file: str, staying: dict[str, list[str | None]]
) -> None:
    hub = image_alone(file, "")
    for text, versions in staying.items():
        hub.put(file, f"{text}\n")
        assert [one.option for one in staying_installations(opened(hub))] == versions, text
