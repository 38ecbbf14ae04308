"""Instruction counts of the core's hot loops: cpp/bench run under valgrind."""
