"""Offers pictures by a schedule that was fixed before, as cameras do, and times each answer from the moment it was due."""
