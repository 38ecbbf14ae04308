"""Films of a log, to look at. Needs the extra `video`, which is imported only when used."""
