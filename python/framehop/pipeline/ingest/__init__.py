"""Sources into the frames log: by the command, by the API, and in the ingest process of a pipeline."""
