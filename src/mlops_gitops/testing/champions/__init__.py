"""May this candidate replace what runs now?  Champion and challenger on the same rows."""
