"""Does the work of benchmarks/video.py."""
