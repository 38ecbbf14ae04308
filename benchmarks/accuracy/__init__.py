"""Whether the default model finds what people see: labelled pictures, and settings compared by F1."""
