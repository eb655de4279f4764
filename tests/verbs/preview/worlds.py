"""Deployments of a hub repository, with secrets planted in their values."""

from collections.abc import Sequence

from tests.support.hubs import Hub

DEPLOYMENTS = tuple(f"school{number}" for number in range(1, 7))
PLANTED = "planted-where-nobody-may-see-it"


def add_deployments(hub: Hub, names: Sequence[str]) -> None:
    """Commit and push deployments as hubploy has them, each with the environments staging and prod."""
    for name in names:
        folder = f"deployments/{name}"
        hub.write(f"{folder}/hubploy.yaml", "images: {}\n")
        hub.write(
            f"{folder}/config/common.yaml",
            f"""\
jupyterhub:
  hub:
    extraEnv:
      OAUTH_CLIENT_SECRET: {PLANTED}-{name}-1
    config:
      GenericOAuthenticator:
        client_secret: {PLANTED}-{name}-2
    extraConfig:
      10-auth: |
        c.Authenticator.api_token = "{PLANTED}-{name}-3"
  singleuser:
    extraEnv:
      SERVICE_PASSWORD: {PLANTED}-{name}-4
""",
        )
        for environment in ("prod", "staging"):
            hub.write(
                f"{folder}/config/{environment}.yaml",
                f"jupyterhub:\n  ingress:\n    enabled: true\n    hosts: [{name}.{environment}.example.org]\n",
            )
            hub.write(
                f"{folder}/secrets/{environment}.yaml",
                "jupyterhub:\n  hub:\n    cookieSecret: ENC[AES256_GCM,data:eA==]\nsops:\n  mac: ENC[AES256_GCM]\n",
            )
    hub.commit("Add the deployments")
    hub.git("push", "--quiet")
