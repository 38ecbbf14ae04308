"""JPEG or pixels to tensor: framehop's decoder and kernel beside other people's."""
