"""Store and forward: live streams go into an embedded log on this host's disk while the log behind it is away or slow."""
