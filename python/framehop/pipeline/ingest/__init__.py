"""Reads sources into the frames log, for the command, for the API, and in the ingest process of a pipeline."""
