"""What benchmarks/video.py does."""
