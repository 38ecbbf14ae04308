"""The only place where stages meet: ingest, workers, the detector, and the supervisor over them."""
