"""The streams of a pipeline, as they come, pause and go."""
