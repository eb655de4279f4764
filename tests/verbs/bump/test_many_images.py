"""A hub of very many images."""

from pathlib import Path

from tests.support.cli import INVOKE, run
from tests.support.helm import HelmServer
from tests.support.hubs import make_repository
from tests.support.steps import committed_files

NAMES = [f"hub{number}" for number in range(60)]


def test_more_images_than_files_may_be_open_are_moved(tmp_path: Path, helm_repository: HelmServer) -> None:
    chart = f"dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: '{helm_repository.url}'}}\n"
    images = "".join(f"    {name}: {{valuesPath: {name}.image}}\n" for name in NAMES)
    hub = make_repository(
        tmp_path / "hub",
        {
            "chartpress.yaml": f"charts:\n- name: hub\n  imagePrefix: 127.0.0.1:1/\n  images:\n{images}",
            "hub/Chart.yaml": f"apiVersion: v2\nname: hub\nversion: 0.0.1\n{chart}",
            "hub/values.yaml": "".join(f"{name}: {{image: {{name: , tag: }}}}\n" for name in NAMES),
            **{f"images/{name}/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n" for name in NAMES},
        },
    )
    for task in ("bump", "check --offline", "commit"):
        done = run("sh", "-c", 'ulimit -n 100; exec "$@"', "sh", *INVOKE, *task.split(), cwd=hub.path)
        assert done.code == 0, done
    assert len(committed_files(hub).splitlines()) == len(NAMES) + 1
