"""The whole worker on the embedded log, against a bare loop and against its stages alone."""
