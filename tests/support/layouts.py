"""Hub repositories laid out as the field's own are."""

from pathlib import Path

from .charts import CAL_ICOR
from .hubs import NO_REGISTRY, REAL_CHARTS, Hub, chart_yaml, make_repository

_EXPERIMENT = """\
      {name}-experiment:
        imageName: {prefix}/{name}-experiment
        contextPath: images/hub
        dockerfilePath: images/hub/Dockerfile
        buildArgs: {{REQUIREMENTS_FILE: {name}-requirements.txt}}
"""


def make_cal_icor_like(
    path: Path, *, base: str = "jupyterhub/k8s-hub", registry: str = NO_REGISTRY, chart_repository: str = REAL_CHARTS
) -> Hub:
    """Make a hub repository as UC's are: two charts, an image whose folder does not exist, Docker Hub's base.

    The arguments are those of :func:`make_hub`.
    """
    chartpress = (CAL_ICOR / "chartpress.yaml").read_text(encoding="utf-8")
    scaler = "images/node-placeholder-scaler"
    files = {
        "chartpress.yaml": chartpress.replace("us-central1-docker.pkg.dev/cal-icor-hubs", registry),
        "hub/Chart.yaml": "apiVersion: v1\nname: hub\nversion: 20240731-224556.git.8736.h299c086e\n",
        "hub/requirements.yaml": f"""\
dependencies:
 - name: jupyterhub
   # REMEMBER TO CHANGE THE BASE IMAGE OF images/hub/ TOO
   version: 3.2.1
   repository: {chart_repository}
""",
        "hub/values.yaml": """\
jupyterhub:
  proxy: {chp: {image: {tag: 4.6.2}}}
  hub:
    image:
      name:
      tag:
    config: {}
""",
        "node-placeholder/Chart.yaml": "apiVersion: v2\nname: node-placeholder\nversion: 0.0.1\n",
        "node-placeholder/values.yaml": "image:\n  name: placeholder\n  tag: '1'\n",
        "images/hub/Dockerfile": f"FROM {base}:3.2.1\n\nUSER root\nRUN python3 -m pip install oauthenticator==17.1.0\n",
        f"{scaler}/Dockerfile": "FROM scratch\nCOPY scaler /\n",
        f"{scaler}/scaler": "#!/bin/sh\n",
    }
    return make_repository(path, files)


def make_2i2c_like(
    path: Path,
    *,
    version: str = "3.2.1",
    base: str = "quay.io/jupyterhub/k8s-hub",
    registry: str = NO_REGISTRY,
    chart_repository: str = REAL_CHARTS,
) -> Hub:
    """Make a hub repository as 2i2c's is: all in a folder below, three images from one Dockerfile.

    The arguments are those of :func:`make_hub`.
    """
    prefix, image, names = f"{registry}/2i2c", "images/hub", ("unlisted-choice", "dynamic-image-building")
    chart = chart_yaml(f'"{chart_repository}"', f'"{version}"').replace("name: hub", "name: basehub")
    files = {
        "chartpress.yaml": f"""\
charts:
  - name: basehub
    imagePrefix: {prefix}/pilot-
    images:
      hub:
        valuesPath: jupyterhub.hub.image
        buildArgs: {{REQUIREMENTS_FILE: requirements.txt}}
{"".join(_EXPERIMENT.format(name=name, prefix=prefix) for name in names)}""",
        "basehub/Chart.yaml": chart,
        "basehub/values.yaml": f"""\
jupyterhub:
  hub:
    image:
      name: {prefix}/pilot-hub
      tag: "0.0.1-0.dev.git.1.h0000000"
""",
        f"{image}/Dockerfile": f"""\
FROM {base}:{version}
ARG REQUIREMENTS_FILE
COPY ${{REQUIREMENTS_FILE}} /tmp/

USER root
RUN pip install -r /tmp/${{REQUIREMENTS_FILE}}
""",
        f"{image}/requirements.txt": "jupyterhub-configurator==1.0\n",
        **{f"{image}/{name}-requirements.txt": "jupyterhub-fancy-profiles==0.4.0\n" for name in names},
    }
    return make_repository(path, {f"helm-charts/{name}": text for name, text in files.items()})
