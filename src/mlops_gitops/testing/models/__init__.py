"""Does the model keep what its manifest promises?  Metrics with intervals, on predictions that somebody else made."""
