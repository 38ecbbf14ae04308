"""Does the work of benchmarks/motion.py."""
