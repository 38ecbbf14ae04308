"""Cameras and other sources that may go away and come back. Needs the extra `video`."""
