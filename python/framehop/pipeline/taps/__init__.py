"""Live pictures of the pipelines on this host, taken from their rings."""
