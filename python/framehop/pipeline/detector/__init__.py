"""The detector process: runs the pictures of all workers through the network, in batches."""
