"""Measurements that any installed framehop can take of itself: ratios to peers and to the least that the work could cost."""
