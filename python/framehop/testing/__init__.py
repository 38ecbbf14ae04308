"""Fakes for tests: a log, a model, clocks, pictures and sources."""
