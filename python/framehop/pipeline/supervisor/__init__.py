"""The supervisor: starts, watches and restarts the processes of a pipeline, and reports their state."""
