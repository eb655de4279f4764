"""What ``init`` writes: the texts of a hub image and of the chart that uses it."""

from __future__ import annotations

DOCKERFILE = """\
# The hub image: z2jh's own for the chart's release, with what our hubs need besides.
FROM {base}

USER root
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt

USER jovyan
"""
REQUIREMENTS = """\
# Python packages that z2jh's hub image does not bring along, each pinned: NAME==VERSION
"""
CHART_YAML = """\
apiVersion: v2
name: {name}
description: Our JupyterHub
version: 0.0.1
dependencies:
  - name: {dependency}
    # The hub image inherits from this release's: both move together.
    version: {version}
    repository: {repository}
"""
CHARTPRESS = """\
charts:
  - name: {name}
    chartPath: {path}
    imagePrefix: {prefix}
"""
CHARTPRESS_IMAGE = """\
    images:
      hub:
        valuesPath: {values_path}
"""
MAKEFILE = """\
# VERSION=4.4.0 names the z2jh release; without it, it is the newest of the current major version.
"""
# The targets, each with its rule.
MAKE_TARGETS = {
    "release": """\
release: ## move to a z2jh release, build its hub image, commit both
\thubpress release $(if $(VERSION),--to '$(VERSION)')
""",
    "check": """\
check: ## fail when chart, base image and values do not agree
\thubpress check
""",
}
