"""Does the work of benchmarks/inference.py."""
