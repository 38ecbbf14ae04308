"""Processes of a pipeline and their supervisor: settings, messages, and the channel between the two."""
