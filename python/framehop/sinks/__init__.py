"""Pictures and films of a log, to look at. Drawing and films need the extra `video`, which is imported only when used."""
