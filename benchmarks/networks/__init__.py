"""What benchmarks/inference.py does."""
