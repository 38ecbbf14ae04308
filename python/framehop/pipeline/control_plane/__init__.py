"""The control plane: running pipelines are published, found and asked."""
