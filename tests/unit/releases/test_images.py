import pytest

from tasks.releases.index import hub_image_among

HUB = "quay.io/jupyterhub/k8s-hub:3.3.8"

NAMED = {
    "as z2jh writes it": f"- image: traefik:v3.1.6\n  name: traefik\n- image: {HUB}\n  name: k8s-hub\n",
    "name first": f"- name: k8s-hub\n  image: {HUB}\n",
    "quoted": f"- image: '{HUB}'\n  name: \"k8s-hub\"\n",
    "flow": f"[{{name: k8s-hub, image: {HUB}}}]",
    "with more keys": f"- image: {HUB}\n  name: k8s-hub\n  whitelisted: true\n",
    "no name at all": f"- image: {HUB}\n",
    "the named one before another alike": f"- image: a/k8s-hub:1\n  name: x\n- image: {HUB}\n  name: k8s-hub\n",
    "an alike one where none is named": f"- image: a/k8s-hub-slim:1\n  name: x\n- image: {HUB}\n  name: hub\n",
    "the first that has a tag": f"- image: a/k8s-hub\n  name: k8s-hub\n- image: {HUB}\n  name: x\n",
}


@pytest.mark.parametrize("annotation", NAMED.values(), ids=NAMED.keys())
def test_the_hub_image_is_found(annotation: str) -> None:
    assert str(hub_image_among(annotation)) == HUB


NOT_NAMED = {
    "other images": "- image: quay.io/jupyterhub/k8s-hub-slim:3.3.8\n  name: k8s-hub-slim\n",
    "no tag": "- image: quay.io/jupyterhub/k8s-hub\n  name: k8s-hub\n",
    "a port is no tag": "- image: mirror:5000/k8s-hub\n  name: k8s-hub\n",
    "no image's name": "- image: quay.io/JupyterHub/k8s-hub:3.3.8 --privileged\n  name: k8s-hub\n",
    "no yaml": "- [",
    "a mapping": "k8s-hub: 1\n",
    "text": "k8s-hub",
    "nothing": "\n",
    "an item that is a list": "- [image, name]\n",
    "an image that is a list": "- image: [a]\n  name: k8s-hub\n",
}


@pytest.mark.parametrize("annotation", NOT_NAMED.values(), ids=NOT_NAMED.keys())
def test_no_hub_image_means_ask_the_archive(annotation: str) -> None:
    assert hub_image_among(annotation) is None


def test_a_digest_says_which_image_too() -> None:
    digest = "sha256:" + "0" * 64
    assert str(hub_image_among(f"- image: a/k8s-hub@{digest}\n  name: k8s-hub\n")) == f"a/k8s-hub@{digest}"
