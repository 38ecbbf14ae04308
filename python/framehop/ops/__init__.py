"""Tools that look after a log without a pipeline: the audit, and another try for failed frames."""
