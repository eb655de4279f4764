"""Deployments of a hub repository, with secrets planted in their values."""

from tests.support.hubs import Hub

PLANTED = "planted-where-nobody-may-see-it"
VALUES = f"""\
jupyterhub:
  hub:
    extraEnv:
      OAUTH_CLIENT_SECRET: {PLANTED}-1
    config:
      GenericOAuthenticator:
        client_secret: {PLANTED}-2
    extraConfig:
      10-auth: |
        c.Authenticator.api_token = "{PLANTED}-3"
  singleuser:
    extraEnv:
      SERVICE_PASSWORD: {PLANTED}-4
"""


def add_deployments(hub: Hub) -> None:
    """Commit and push deployments of a school as hubploy has them, in the environments staging and prod."""
    folder = "deployments/school1"
    hub.write(f"{folder}/hubploy.yaml", "images: {}\n")
    hub.write(f"{folder}/config/common.yaml", VALUES)
    for environment in ("prod", "staging"):
        hub.write(
            f"{folder}/config/{environment}.yaml",
            f"jupyterhub:\n  ingress:\n    enabled: true\n    hosts: [school1.{environment}.example.org]\n",
        )
        hub.write(
            f"{folder}/secrets/{environment}.yaml",
            "jupyterhub:\n  hub:\n    cookieSecret: ENC[AES256_GCM,data:eA==]\nsops:\n  mac: ENC[AES256_GCM]\n",
        )
    hub.commit("Add the deployments")
    hub.git("push", "--quiet")
