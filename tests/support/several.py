"""Hub repositories whose images a test writes down itself."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hubs import Hub, make_repository
from .world import data

BASE = "BASE"
FROM_BASE = f"FROM {BASE}\n"
IMAGE = "jupyterhub: {hub: {image: {name: , tag: }}}\n"


@dataclass(frozen=True)
class Maker:
    """Makes repositories of one chart, ``hub``, on 3.2.1."""

    folder: Path
    prefix: str
    mirror: str
    charts: str

    def __call__(self, images: str, files: dict[str, str], values: str = IMAGE, **chart: str) -> Hub:
        """Make one."""
        more = "".join(f"  {key}: {value}\n" for key, value in chart.items())
        listed = textwrap.indent(textwrap.dedent(images), "    ")
        base = f"{self.mirror}:3.2.1"
        return make_repository(
            self.folder / "hub",
            {
                "chartpress.yaml": f"charts:\n- name: hub\n  imagePrefix: {self.prefix}/\n{more}  images:\n{listed}",
                "hub/Chart.yaml": "apiVersion: v2\nname: hub\nversion: 0.0.1\n"
                f"dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: '{self.charts}'}}\n",
                "hub/values.yaml": values,
                **{name: text.replace(BASE, base) for name, text in files.items()},
            },
        )


def values_of(hub: Hub, file: str = "hub/values.yaml") -> Any:  # noqa: ANN401 - whatever the file holds
    """Return a values file's content as plain data."""
    return data(hub.read(file))
