"""The command line: one thin file per verb, which parses, calls, renders and returns an exit code."""
