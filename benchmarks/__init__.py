"""Benchmarks: each is one command, compares ratios within one run, and keeps its raw figures. See README.md."""
