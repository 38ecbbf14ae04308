"""The options of the pipeline, its configuration file, and everything that comes from the environment."""
