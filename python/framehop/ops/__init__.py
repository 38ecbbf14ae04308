"""What looks after a log from outside, and needs no pipeline: the audit, and failed frames once more."""
