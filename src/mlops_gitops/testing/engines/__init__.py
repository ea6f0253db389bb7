"""The programs that read data.  Each offers the same functions; the checks never know which one ran."""
