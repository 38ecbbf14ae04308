"""Measures the time from a fault to the next event that somebody else can read."""
