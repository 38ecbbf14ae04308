"""Compares framehop's detector process, between a ring of pictures and the hop, with loops that only run the network."""
