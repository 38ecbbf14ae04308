"""Tools for every benchmark: facts of the machine, CPU seconds of processes, interleaved runs, medians."""
