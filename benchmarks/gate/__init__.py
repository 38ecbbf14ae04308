"""What benchmarks/motion.py does."""
