"""The detector process: pictures of all workers through the network, in batches."""
