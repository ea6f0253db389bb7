"""What a model file holds, as named leaves: the one reading on which canonical and numeric comparison both rest."""
