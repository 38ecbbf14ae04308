"""Films of a log, to look at. Needs the extra `video`; nothing heavy is imported before it is used."""
