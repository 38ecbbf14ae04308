"""Frames between hosts: keys, messages, and a receiver that needs no C++. Sender and receiver in C++ are framehop.FrameSender and
framehop.FrameReceiver."""
