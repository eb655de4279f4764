"""``init`` gives a chart repository its hub image, and never overwrites a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.calls import refused
from tests.support.cli import Result, run, run_task, sh, succeed
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, at, chart_yaml, make_hub, make_repository
from tests.support.team import LABELER
from tests.support.world import each, fault, nothing_written

CHARTPRESS_BELOW = """\
charts:
- {name: basehub, imagePrefix: a/, images: {hub: {contextPath: hub-image, valuesPath: [jupyterhub.hub.image]}}}
"""
PREFIX = "127.0.0.1:1/ours/"
WRITTEN = [
    "images/hub/Dockerfile",
    "images/hub/requirements.txt",
    "chartpress.yaml",
    "hub/values.yaml",
    "Makefile",
    ".gitignore",
]


Init: TypeAlias = Callable[..., Result]


@pytest.fixture
def init(hubpress: Hubpress) -> Init:
    """Runs ``init`` in a hub, with the prefix of these tests."""
    return lambda hub, *flags: hubpress(hub, "init", "--prefix", PREFIX, *flags)


def test_what_a_sparse_checkout_leaves_out_is_there(tmp_path: Path, init: Init) -> None:
    hub = make_hub(tmp_path / "hub")
    committed = hub.read("images/hub/Dockerfile")
    hub.git("sparse-checkout", "set", "--no-cone", "/*", "!/images/", "!/chartpress.yaml")
    assert init(hub).out == (
        "the hub image 127.0.0.1:1/core/hub is built from images/hub/Dockerfile: left unchanged\n"
        "Makefile: new\n.gitignore: new\n--prefix 127.0.0.1:1/ours/ is not used: chartpress.yaml has the image's name\n"
    )
    hub.git("sparse-checkout", "disable")
    assert hub.read("images/hub/Dockerfile") == committed


def test_a_file_in_the_place_of_a_folder_is_refused_before_anything_is_written(bare: Hub, init: Init) -> None:
    bare.write("images", "not a folder\n")
    what = "images/hub/Dockerfile cannot be written: images is a file (images)"
    assert refused(init, bare) == (2, what, "git mv images ANOTHER-NAME")


@pytest.fixture
def bare(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A repository with a chart, and no hub image."""
    values = "jupyterhub:\n  hub:\n    config: {}\n"
    return make_repository(
        tmp_path / "bare", {"hub/Chart.yaml": chart_yaml(helm_repository.url), "hub/values.yaml": values}
    )


def test_a_file_that_is_there_stays_as_it_is(bare: Hub, init: Init) -> None:
    bare.write("images/hub/Dockerfile", "FROM scratch\n")
    result = init(bare, "--json")
    assert result.json["kept"] == ["images/hub/Dockerfile"]
    assert bare.read("images/hub/Dockerfile") == "FROM scratch\n"


IMAGE_KEYS = "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\n"
VALUES = {
    "an empty file": ("", IMAGE_KEYS),
    "other keys, no newline at the end": ("etc: 1", f"{IMAGE_KEYS}etc: 1"),
    "wide indent, no hub": (
        "# ours\njupyterhub:\n    proxy: {}\n",
        "# ours\njupyterhub:\n    hub:\n      image:\n        name:\n        tag:\n    proxy: {}\n",
    ),
}


@pytest.mark.parametrize(("values", "expected"), VALUES.values(), ids=VALUES)
def test_values_get_the_image_s_keys(bare: Hub, values: str, expected: str, init: Init) -> None:
    bare.write("hub/values.yaml", values)
    assert init(bare).code == 0
    assert bare.read("hub/values.yaml") == expected


def test_where_no_chart_depends_on_z2jh_nothing_is_written(
    tmp_path: Path, init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_repository(tmp_path / "hub", {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n"})
    assert refused(init, hub) == (
        2,
        "no chart here depends on jupyterhub (web/Chart.yaml)",
        "add jupyterhub to the dependencies of one, with version and repository",
    )
    # A variable was not named where it was what named another dependency.
    monkeypatch.setenv("INVOKE_HUB_DEPENDENCY", "jupiterhub")
    assert refused(init, hub)[2] == "fix INVOKE_HUB_DEPENDENCY, or unset it"


# -- what is there, and lacks something


def test_what_chartpress_yaml_lacks_is_told_and_not_written(bare: Hub, init: Init) -> None:
    text = "charts:\n  - name: hub\n    imagePrefix: quay.io/ours/\n"
    bare.write("chartpress.yaml", text)
    result = init(bare)
    assert result.code == 0, result
    assert bare.read("chartpress.yaml") == text
    assert result.out.splitlines()[-4:] == [
        "chartpress.yaml: add by hand:",
        "    images:",
        "      hub:",
        "        valuesPath: jupyterhub.hub.image",
    ]


def test_the_prefix_is_in_the_name_where_chartpress_yaml_has_none(bare: Hub, init: Init) -> None:
    bare.write("chartpress.yaml", "charts:\n  - name: hub\n")
    assert init(bare).out.splitlines()[-5:] == [
        "chartpress.yaml: add by hand:",
        "    images:",
        "      hub:",
        f"        imageName: {PREFIX}hub",
        "        valuesPath: jupyterhub.hub.image",
    ]


def test_values_that_sops_has_signed_are_not_edited(bare: Hub, init: Init) -> None:
    bare.put("hub/values.yaml", "jupyterhub:\n  token: ENC[AES256_GCM]\nsops:\n  mac: ENC[AES256_GCM]\n")
    with nothing_written(bare):
        assert refused(init, bare) == (
            2,
            "sops could not decrypt the file after an edit (hub/values.yaml)",
            "keep the secrets in another file; or edit it (jupyterhub.hub.image added): sops hub/values.yaml",
        )


def test_an_image_that_no_build_would_write_to_the_values_is_told(hub: Hub) -> None:
    hub.change("chartpress.yaml", "        valuesPath: jupyterhub.hub.image", "        contextPath: images/hub")
    lacks = "    images:\n      hub:\n        valuesPath: jupyterhub.hub.image\n"
    assert succeed("init", "--json", cwd=hub.path).json["to_add"] == {"chartpress.yaml": lacks}
    assert succeed("check", "--offline", cwd=hub.path).out == (
        "chartpress.yaml: warning: no values file uses hub [values-empty]\n"
        "  hint: add valuesPath: jupyterhub.hub.image to hub there\nNo faults, 1 warning.\n"
    )


def test_a_makefile_gets_the_targets_that_it_lacks_behind_its_own(bare: Hub, init: Init) -> None:
    bare.write("GNUmakefile", "check:\n\ttrue")
    assert init(bare).code == 0
    assert bare.read("GNUmakefile") == (
        "check:\n\ttrue\n\nrelease: ## move to a z2jh release, build its hub image, commit both\n"
        "\thubpress release $(if $(VERSION),--to '$(VERSION)')\n\n.PHONY: release\n"
    )
    assert sh("make", "--dry-run", cwd=bare.path) == "true"


@pytest.mark.parametrize(
    ("file", "text", "stays"),
    [
        ("chartpress.yaml", "charts:\n  - name: support\n", True),
        ("chartpress.yaml", "# ours\n", False),
        ("chartpress.yaml", "charts: []\n", False),
        ("hub/values.yaml", "jupyterhub: {proxy: {}}\n", False),
        ("hub/values.yaml", "jupyterhub:\n", False),
        ("hub/values.yaml", "null\n", False),
        ("hub/values.yaml", "---\n...\n", False),
        ("hub/values.yaml", "? jupyterhub\n: a: 1\n", False),
    ],
)
def test_what_has_no_place_in_a_file_is_told_whole_and_not_written(
    bare: Hub, init: Init, file: str, text: str, *, stays: bool
) -> None:
    bare.write(file, text)
    told = init(bare, "--json").json
    assert told["files"] == [path for path in WRITTEN if path != file]
    assert (told["kept"], bare.read(file)) == ([file], text)
    bare.write(file, f"{text if stays else ''}{told['to_add'][file]}")
    assert init(bare).out == "Nothing to do.\n"


@pytest.mark.parametrize(
    "text", ["run: {echo: true}\n...\n", "  run: {echo: true}\n", "hub:\n  platform: linux/amd64\n"]
)
def test_settings_that_have_no_place_at_the_end_of_invoke_yaml_are_told(deployed: Hub, text: str) -> None:
    """They were added all the same, and the file was no YAML then."""
    deployed.put("invoke.yaml", text)
    told = succeed("init", "--json", cwd=deployed.path).json
    assert "name: reg.example.edu/small/hub\n" in told["to_add"]["invoke.yaml"]
    assert deployed.read("invoke.yaml") == text


def test_a_gitignore_that_is_a_link_gets_its_lines_once(bare: Hub, init: Init) -> None:
    """They were added each time: of a link git reads nothing."""
    bare.write("ignored", "*.tgz\n")
    (bare.path / ".gitignore").symlink_to("ignored")
    assert init(bare).code == 0
    assert bare.read("ignored") == "*.tgz\n*.hubpress-new\n/hub/charts/*.tgz\n"
    assert init(bare).out == "Nothing to do.\n"


THEIRS = "release:\n\techo theirs\n"


@pytest.mark.parametrize(
    "text",
    [
        "include x.mk\n",
        "T = release\n$(T):\n\techo theirs\n",
        "$(foreach target,release,$(eval $(target): ; echo theirs))\n",
        "foo release bar &:\n\techo theirs\n",
        ".RECIPEPREFIX = >\nall:\n> echo all\n",
        "X = $(shell echo release: 3)\n",
    ],
)
def test_a_makefile_whose_targets_cannot_be_told_is_left_as_it_is(bare: Hub, text: str, init: Init) -> None:
    bare.write("x.mk", THEIRS)
    bare.write("Makefile", text)
    told = init(bare, "--json").json
    assert (bare.read("Makefile"), "Makefile" in told["kept"]) == (text, True)
    by_hand = told["to_add"]["Makefile"]
    assert by_hand.startswith("check: ## fail if")
    assert "\nrelease: ## move" in by_hand
    bare.write("Makefile", f"{text}\n{by_hand}{THEIRS}")
    assert init(bare, "--json").json["to_add"] == {}


def test_what_a_recipe_or_a_comment_says_is_no_target_of_make(bare: Hub, init: Init) -> None:
    bare.write("Makefile", "# release: by hand\nall:\n\trelease: 1\n")
    assert "Makefile" in init(bare, "--json").json["files"]
    assert sh("make", "--dry-run", "release", cwd=bare.path).strip() == "hubpress release"


@pytest.mark.parametrize("rule", ["release::", "foo release:", "release : all", "release: $(shell echo --a=b)"])
def test_a_rule_of_the_teams_stays_make_s(bare: Hub, rule: str, init: Init) -> None:
    bare.write("Makefile", f"all: ;\n{rule}\n\techo theirs\n")
    assert init(bare).code == 0
    assert "hubpress release" not in bare.read("Makefile")


def test_the_dockerfile_goes_where_chartpress_yaml_looks_for_it(
    tmp_path: Path, helm_repository: HelmServer, init: Init
) -> None:
    hub = make_repository(
        tmp_path / "hub",
        {
            "helm-charts/chartpress.yaml": CHARTPRESS_BELOW,
            "helm-charts/basehub/Chart.yaml": chart_yaml(helm_repository.url),
        },
    )
    told = init(hub, "--json").json
    assert told["files"] == [
        "helm-charts/hub-image/Dockerfile",
        "helm-charts/hub-image/requirements.txt",
        "helm-charts/basehub/values.yaml",
        "Makefile",
        ".gitignore",
    ]
    assert told["kept"] == ["helm-charts/chartpress.yaml"]


def test_a_repository_with_nothing_in_it_gets_a_chart_for_the_newest_release(
    tmp_path: Path, helm_repository: HelmServer
) -> None:
    empty = make_repository(tmp_path / "hub", {"README.md": "# Ours\n"})
    env = {"INVOKE_HUB_CHART_REPOSITORY": helm_repository.url}
    result = run_task("init", "--prefix", PREFIX, "--json", cwd=empty.path, env=env)
    assert (result.code, result.json["files"]) == (0, ["hub/Chart.yaml", *WRITTEN])
    assert empty.read("hub/Chart.yaml") == (
        "apiVersion: v2\nname: hub\ndescription: Our JupyterHub\nversion: 0.0.1\ndependencies:\n"
        "  - name: jupyterhub\n    # The hub image inherits from this release's: both move together.\n"
        "    version: 4.4.0\n    repository: https://hub.jupyter.org/helm-chart/\n"
    )
    assert "\nFROM quay.io/jupyterhub/k8s-hub:4.4.0\n" in empty.read("images/hub/Dockerfile")
    empty.commit("Give us a hub")
    offline = run_task("check", "--offline", "--json", cwd=empty.path)
    assert [problem["code"] for problem in offline.json["problems"]] == ["values-empty"]


# -- what the image is called


def test_where_the_image_goes_is_asked_for_when_the_remote_does_not_tell(bare: Hub, hubpress: Hubpress) -> None:
    code, _, hint = refused(hubpress, bare, "init")
    assert (code, hint.partition(" --prefix ")[0]) == (2, "use: invoke init")


def test_a_repository_on_github_pushes_to_githubs_registry(bare: Hub) -> None:
    bare.git("remote", "set-url", "origin", "git@github.com:Our-Org/hubs.git")
    succeed("init", cwd=bare.path)
    assert "    imagePrefix: ghcr.io/our-org/\n" in bare.read("chartpress.yaml")


@pytest.mark.parametrize(
    ("given", "written"),
    [("quay.io/ours", "quay.io/ours/"), ("quay.io/ours/", "quay.io/ours/"), ("quay.io/ours/our-", "quay.io/ours/our-")],
)
def test_a_prefix_ends_where_the_image_s_own_name_begins(bare: Hub, given: str, written: str) -> None:
    succeed("init", "--prefix", given, cwd=bare.path)
    assert f"    imagePrefix: {written}\n" in bare.read("chartpress.yaml")


@pytest.mark.parametrize("given", ["https://quay.io/ours/", "Quay/ours", ""])
def test_a_prefix_that_no_image_can_have_is_refused(bare: Hub, given: str) -> None:
    with nothing_written(bare):
        done = run_task("init", f"--prefix={given}", cwd=bare.path)
    assert (done.code, fault(done)[0]) == (2, f"{given!r} cannot begin an image's name (--prefix)")


def test_of_an_image_that_is_adopted_the_values_have_the_name_and_a_prefix_is_not_used(bare: Hub, init: Init) -> None:
    bare.write("hub/values.yaml", "jupyterhub: {hub: {image: {name: quay.io/ours/hub, tag: pr-499}}}\n")
    bare.write("images/hub/Dockerfile", "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n")
    told = init(bare, "--dry").out
    assert told.endswith("- --prefix 127.0.0.1:1/ours/ is not used: hub/values.yaml has the image's name\n"), told


# -- an image without a chart, which a helm command deploys

MAKEFILE = """\
deploy:
\thelm repo add jupyterhub https://hub.jupyter.org/helm-chart/
\thelm upgrade --install hub jupyterhub/jupyterhub --version 3.2.1 --namespace jhub -f config.yaml -f secrets.yaml
"""
BY_MARK = "mark the line that has the version with a comment: # hubpress: jupyterhub"
CONFIG = "hub:\n  image:\n    name: reg.example.edu/small/hub\n    tag: 1.2.0\n"


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helm_repository: HelmServer) -> Hub:
    """A repository with the image's Dockerfile at the top; the documents have one in a folder."""
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", helm_repository.url)
    dockerfile = "FROM quay.io/jupyterhub/k8s-hub:3.2.1\nCOPY requirements.txt /tmp/\n"
    files = {"Makefile": MAKEFILE, "config.yaml": CONFIG, "requirements.txt": "a==1\n", "Dockerfile": dockerfile}
    return make_repository(tmp_path / "hub", files)


def test_init_finds_the_values_and_the_command_that_deploy_the_image(deployed: Hub) -> None:
    succeed("init", cwd=deployed.path)
    assert deployed.read("invoke.yaml") == (
        "hub:\n  images:\n    - context: .\n      name: reg.example.edu/small/hub\n      paths: [requirements.txt]\n"
        "  values:\n    - {file: config.yaml, path: hub.image}\n"
        "  pins:\n    - {file: Makefile, marker: 'jupyterhub/jupyterhub --version'}\n"
        "  deployments:\n    - {name: hub, values: [config.yaml], namespace: jhub}\n"
    )
    deployed.commit("Add hubpress")
    assert run_task("init", cwd=deployed.path).out == "Nothing to do.\n"
    checked = run_task("check", "--offline", cwd=deployed.path)
    assert [line for line in checked.out.splitlines() if "pin-" in line or "values-" in line] == []
    assert run_task("bump", "--json", cwd=deployed.path).json["files"] == ["Dockerfile", "Makefile"]


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ("{}\n---\nspec: {chart: {spec: {chart: jupyterhub, version: 3.2.1}}, values: VALUES}\n", "spec.values"),
        (
            "spec: {source: {chart: jupyterhub, targetRevision: 3.2.1, helm: {valuesObject: VALUES}}}\n",
            "spec.source.helm.valuesObject",
        ),
        ("releases: [{chart: jupyterhub/jupyterhub, version: 3.2.1, values: [VALUES]}]\n", "releases.0.values.0"),
    ],
    ids=["Flux", "Argo CD", "helmfile"],
)
def test_init_finds_the_image_in_a_manifest_that_holds_the_values(manifest: str, path: str, deployed: Hub) -> None:
    """A second image was made up beside it, and nothing deployed what was built."""
    deployed.git("rm", "--quiet", "config.yaml", "Makefile")
    deployed.put("hub.yaml", manifest.replace("VALUES", "{hub: {image: {name: reg.example.edu/small/hub, tag: v1}}}"))
    succeed("init", cwd=deployed.path)
    written = deployed.read("invoke.yaml")
    assert "      name: reg.example.edu/small/hub\n" in written
    assert f"  values:\n    - {{file: hub.yaml, path: {path}.hub.image}}\n" in written
    deployed.commit("Add hubpress")
    assert run_task("check", "--offline", "--json", cwd=deployed.path).json["problems"] == []


def test_init_passes_over_a_yaml_file_that_is_a_link_out_of_the_repository(deployed: Hub) -> None:
    (deployed.path / "shared.yaml").symlink_to("../shared.yaml")
    deployed.commit("Link to a file that all repositories share")
    succeed("init", cwd=deployed.path)
    assert "      name: reg.example.edu/small/hub\n" in deployed.read("invoke.yaml")


def test_a_prefix_that_the_name_in_the_values_has_keeps_that_name(deployed: Hub) -> None:
    """The image got the name of its folder, and the values were said to differ."""
    succeed("init", "--prefix", "reg.example.edu/small", cwd=deployed.path)
    assert "      name: reg.example.edu/small/hub\n" in deployed.read("invoke.yaml")


def test_a_name_that_a_variable_holds_is_no_deployments(deployed: Hub) -> None:
    deployed.edit("Makefile", "hub jupyterhub/", '"$(NAME)" jupyterhub/')
    deployed.edit("Makefile", "--namespace jhub", "--namespace $(NAMESPACE)")
    deployed.write("deploy.sh", "helm upgrade $HUB jupyterhub/jupyterhub --version 3.2.1 -f config.yaml\n")
    succeed("init", cwd=deployed.path)
    assert deployed.read("invoke.yaml").endswith("  deployments:\n    - {name: hub, values: [config.yaml]}\n")


def test_releases_of_one_name_in_two_namespaces_are_two_deployments(deployed: Hub) -> None:
    """They were written under one name, and a check then refused the settings."""
    deployed.write("prod.yaml", CONFIG)
    command = "helm upgrade {} jupyterhub/jupyterhub --version 3.2.1 -n prod -f prod.yaml\n"
    deployed.put("deploy.sh", command.format("hub") + command.format("hub-2"))
    succeed("init", cwd=deployed.path)
    assert deployed.read("invoke.yaml").endswith(
        "  deployments:\n    - {name: hub, values: [config.yaml], namespace: jhub}\n"
        "    - {name: hub-2, values: [prod.yaml], release: hub, namespace: prod}\n"
        "    - {name: hub-2-2, values: [prod.yaml], release: hub-2, namespace: prod}\n"
    )
    deployed.commit("Add hubpress")
    assert run_task("check", "--offline", cwd=deployed.path).err == ""


@pytest.mark.parametrize(
    "manifest",
    [
        "releases:\n- {name: hub, chart: jupyterhub/jupyterhub, version: '{{ .Values.z2jh }}'}\n",
        "hub.example.org: {chart: jupyterhub, version: 3.2.1}\n",
    ],
    ids=["filled in by a template", "below a key with dots"],
)
def test_a_version_that_no_path_leads_to_is_told_and_no_place_of_the_release(manifest: str, deployed: Hub) -> None:
    """It was written to the settings, and every task was then refused."""
    deployed.put("helmfile.yaml", manifest)
    told = run_task("check", "--offline", "--json", cwd=deployed.path).json["problems"]
    assert ("helmfile.yaml", BY_MARK) in each(told, "path hint")
    succeed("init", cwd=deployed.path)
    assert "helmfile.yaml" not in deployed.read("invoke.yaml")


def test_a_command_whose_version_no_text_marks_is_told_and_no_place_of_the_release(deployed: Hub) -> None:
    """Its text, which stands elsewhere without a version, was written to the settings, and every task was refused."""
    command = "helm upgrade --install hub \\\n  jupyterhub/jupyterhub \\\n  --version 3.2.1\n"
    deployed.put("deploy.sh", f"helm search repo jupyterhub/jupyterhub\necho\n{command}")
    succeed("init", cwd=deployed.path)
    assert "file: Makefile, marker:" in deployed.read("invoke.yaml")
    assert "deploy.sh" not in deployed.read("invoke.yaml")
    deployed.commit("Add hubpress")
    told = run_task("check", "--offline", "--json", cwd=deployed.path).json["problems"]
    assert each(told, "code path line hint") == [("pin-stays", "deploy.sh", 5, BY_MARK)]
    deployed.change("deploy.sh", "echo\n", "# hubpress: jupyterhub\n")
    assert run_task("bump", "--json", cwd=deployed.path).json["files"] == ["Dockerfile", "Makefile", "deploy.sh"]


def test_a_prefix_that_changes_no_name_is_told(deployed: Hub) -> None:
    succeed("init", "--prefix", "quay.io/ours", cwd=deployed.path)
    assert "      name: quay.io/ours/" in deployed.read("invoke.yaml")
    assert run_task("init", "--prefix", "quay.io/ours", cwd=deployed.path).out == "Nothing to do.\n"
    told = run_task("init", "--prefix", "quay.io/theirs", cwd=deployed.path)
    assert (told.code, told.out) == (0, "--prefix quay.io/theirs is not used: invoke.yaml has the image's name\n")


# -- what comes of it


def test_an_image_is_called_after_its_folder_as_far_as_images_can_be(bare: Hub, init: Init) -> None:
    """What was written was refused: spaces and other letters are in no image's name."""
    bare.put("images/Our hüb/Dockerfile", "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n")
    assert init(bare).code == 0
    bare.commit("Give the chart its hub image")
    (image,) = run_task("status", "--json", cwd=bare.path).json["images"]
    assert image["name"] == "our-h-b"


def test_a_chart_behind_a_link_is_given_all_it_lacks_at_once(hub: Hub) -> None:
    """A line for its archives was added to .gitignore each time: git looks at nothing behind a link."""
    (hub.path / "hub").rename(hub.path / "real")
    (hub.path / "hub").symlink_to("real")
    hub.commit("Move the chart")
    succeed("init", cwd=hub.path)
    assert hub.read(".gitignore").endswith("/real/charts/*.tgz\n")
    assert succeed("init", cwd=hub.path).out == "Nothing to do.\n"


@pytest.mark.parametrize("folder", ["charts/hub", "."])
def test_chartpress_reads_what_init_wrote(folder: str, tmp_path: Path, helm_repository: HelmServer, init: Init) -> None:
    hub = make_repository(tmp_path / "hub", {f"{folder}/Chart.yaml": chart_yaml(helm_repository.url)})
    assert init(hub).code == 0
    short = hub.commit("Give the chart its hub image")
    listed = run(sys.executable, "-m", "chartpress", "--list-images", cwd=hub.path)
    assert (listed.code, listed.out) == (0, f"{PREFIX}hub:0.0.1-0.dev.git.2.h{short}\n"), listed
    assert run_task("status", "--json", cwd=hub.path).json["images"][0]["computed_tag"].endswith(short)


def test_make_calls_what_init_wrote(bare: Hub, init: Init) -> None:
    assert init(bare).code == 0
    shown = sh("make", "--dry-run", "release", "check", "VERSION=4.4.0", cwd=bare.path)
    assert shown.splitlines() == ["hubpress release --to '4.4.0'", "hubpress check"]
    assert sh("make", "--dry-run", cwd=bare.path) == "hubpress check"


@pytest.mark.engine
def test_what_init_wrote_can_be_released(bare: Hub, registry: Registry, mirror: str) -> None:
    succeed("init", "--prefix", f"{registry.address}/init/", cwd=bare.path)
    bare.change("images/hub/Dockerfile", "quay.io/jupyterhub/k8s-hub", mirror)
    succeed("release", "--yes", cwd=bare.path)
    assert bare.subjects()[1] == "Move z2jh from 3.2.1 to 3.3.8"


# -- the team's page

PAGE = "docs/customize-hub-image.md"


def test_the_page_has_the_teams_branches_labels_and_deployments(hub: Hub) -> None:
    hub.write(".github/labeler.yml", LABELER)
    hub.write("deployments/csus/hubploy.yaml", "cluster: {}\n")
    for environment in ("common", "staging", "prod"):
        hub.write(f"deployments/csus/config/{environment}.yaml", "jupyterhub:\n  hub: {}\n")
    hub.commit("Deploy")
    hub.git("branch", "--move", "main", "staging")
    hub.git("push", "--quiet", "origin", "staging", "staging:prod")
    hub.remote_git("symbolic-ref", "HEAD", "refs/heads/staging")
    hub.git("remote", "set-head", "origin", "--auto")
    at(hub, "https://secret:word@github.com/cal-icor/cal-icor-hubs.git")
    succeed("init", "--docs", PAGE, cwd=hub.path)
    page = hub.read(PAGE)
    assert "| pull requests | into `staging` |\n" in page
    assert "2. Check that the pull request has the labels hub-images, jupyterhub-deployment\n" in page
    assert "4. Check the staging hubs (csus): a user can sign in and start a server\n" in page
    assert "open a pull request from staging into prod\n" in page
    assert "secret:word" not in page


@pytest.mark.parametrize(
    "files", [{}, {"hub/Chart.yaml": chart_yaml("{url}")}, {"Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"}]
)
def test_the_page_names_what_init_adds(files: dict[str, str], tmp_path: Path, helm_repository: HelmServer) -> None:
    url = helm_repository.url
    hub = make_repository(
        tmp_path / "hub", {"README.md": "", **{path: text.format(url=url) for path, text in files.items()}}
    )
    env = {"INVOKE_HUB_CHART_REPOSITORY": url}
    succeed("init", "--prefix", PREFIX, "--docs", "docs/", cwd=hub.path, env=env)
    dockerfile = "Dockerfile" if "Dockerfile" in files else "images/hub/Dockerfile"
    assert f"| hub image | `{PREFIX}hub`, built from `{dockerfile}` |\n" in hub.read(PAGE)
    assert "$ docker login 127.0.0.1:1\n" in hub.read(PAGE)


def test_a_page_that_exists_is_kept(hub: Hub) -> None:
    hub.write(PAGE, "ours\n")
    assert run_task("init", "--docs", "docs", "--json", cwd=hub.path).json["kept"][-1] == PAGE
    assert hub.read(PAGE) == "ours\n"
    again = run_task("init", "--docs", PAGE, cwd=hub.path)
    assert (again.code, again.out) == (0, "Nothing to do.\n")


@pytest.mark.parametrize(
    "path",
    ["/etc/page.md", "../page.md", ".git/", ".GIT/page.md", "link/hooks/page.md", "hub/Chart.yaml/page.md", "Makefile"],
)
def test_a_page_outside_of_the_repository_or_below_a_file_is_refused(path: str, bare: Hub, init: Init) -> None:
    (bare.path / "link").symlink_to(".git")
    assert refused(init, bare, f"--docs={path}") == (
        2,
        f"{path!r} is not a path in the repository (--docs)",
        "name it relative to the repository's top: --docs docs/customize-hub-image.md",
    )
    assert not (bare.path / "Makefile").exists()
