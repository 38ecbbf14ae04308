"""The worker process: decodes frames of the log into the ring, and writes their events."""
