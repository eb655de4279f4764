"""What kubectl and buildx read of a cluster that does not answer."""

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: gke, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: you, user: {token: none}}]
contexts: [{name: gke, context: {cluster: gke, user: you}}]
current-context: gke
"""
