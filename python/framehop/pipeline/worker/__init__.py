"""The worker process: frames of the log decoded into the ring, and their events written."""
