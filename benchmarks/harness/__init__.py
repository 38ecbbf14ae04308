"""What every benchmark needs: facts of the machine, CPU seconds of processes, interleaved runs, medians."""
