"""Hub repositories laid out as the field's own are."""

from pathlib import Path

from .hubs import NO_REGISTRY, REAL_CHARTS, Hub, make_repository


def make_cal_icor_like(
    path: Path, *, base: str = "jupyterhub/k8s-hub", registry: str = NO_REGISTRY, chart_repository: str = REAL_CHARTS
) -> Hub:
    """Make a hub repository as UC's are: two charts, an image whose folder does not exist, Docker Hub's base.

    The arguments are those of :func:`make_hub`.
    """
    return make_repository(
        path,
        {
            "chartpress.yaml": f"""\
charts:
  - name: hub
    imagePrefix: {registry}/core/jupyterhub-
    images:
      hub:
        valuesPath: jupyterhub.hub.image
      postgres:
      # Set by hand: chartpress writes one values.yaml alone.
        valuesPath: {{}}
  - name: node-placeholder
    imagePrefix: {registry}/core/
    images:
      node-placeholder-scaler:
        valuesPath: image
""",
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
  proxy:
    chp:
      image:
        tag: 4.6.2
  hub:
    image:
      name:
      tag:
    config: {}
""",
            "node-placeholder/Chart.yaml": "apiVersion: v2\nname: node-placeholder\nversion: 0.0.1\n",
            "node-placeholder/values.yaml": "image:\n  name: placeholder\n  tag: '1'\n",
            "images/hub/Dockerfile": f"""\
FROM {base}:3.2.1

USER root
RUN python3 -m pip install --no-cache oauthenticator==17.1.0
""",
            "images/node-placeholder-scaler/Dockerfile": "FROM scratch\nCOPY scaler /\n",
            "images/node-placeholder-scaler/scaler": "#!/bin/sh\n",
        },
    )


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
    prefix = f"{registry}/2i2c"
    images = "helm-charts/images/hub"
    return make_repository(
        path,
        {
            "helm-charts/chartpress.yaml": f"""\
charts:
  - name: basehub
    imagePrefix: {prefix}/pilot-
    images:
      hub:
        valuesPath: jupyterhub.hub.image
        buildArgs:
          REQUIREMENTS_FILE: requirements.txt
      unlisted-choice-experiment:
        imageName: {prefix}/unlisted-choice-experiment
        contextPath: images/hub
        dockerfilePath: images/hub/Dockerfile
        buildArgs:
          REQUIREMENTS_FILE: unlisted-choice-requirements.txt
      dynamic-image-building-experiment:
        imageName: {prefix}/dynamic-image-building-experiment
        contextPath: images/hub
        dockerfilePath: images/hub/Dockerfile
        buildArgs:
          REQUIREMENTS_FILE: dynamic-image-building-requirements.txt
""",
            "helm-charts/basehub/Chart.yaml": f"""\
apiVersion: v2
appVersion: "1.0"
name: basehub
version: "0.1.0"
dependencies:
  - name: jupyterhub
    version: "{version}"
    repository: "{chart_repository}"
""",
            "helm-charts/basehub/values.yaml": f"""\
jupyterhub:
  hub:
    image:
      name: {prefix}/pilot-hub
      tag: "0.0.1-0.dev.git.1.h0000000"
""",
            f"{images}/Dockerfile": f"""\
FROM {base}:{version}
ARG REQUIREMENTS_FILE
COPY ${{REQUIREMENTS_FILE}} /tmp/

USER root
RUN pip install -r /tmp/${{REQUIREMENTS_FILE}}

USER $NB_USER
""",
            f"{images}/requirements.txt": "jupyterhub-configurator==1.0\n",
            f"{images}/unlisted-choice-requirements.txt": "jupyterhub-fancy-profiles==0.4.0\n",
            f"{images}/dynamic-image-building-requirements.txt": "jupyterhub-fancy-profiles==0.4.0\npyyaml==6.0\n",
        },
    )
