"""Are the data in order?  One pass over a file into a profile that can be merged; checks are pure functions of it."""
