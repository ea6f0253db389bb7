"""The GitHub Actions: environment in, one verb run, annotations, summary, outputs and an exit code out.

An Action is the command line and nothing more.  This package reads what a runner sets, checks the inputs, calls
``cli.main`` with the words that a person would type, and tells GitHub what came of it.  It decides nothing about
models.

Everything that comes from an event or a repository is untrusted.  It reaches a verb as one argument of a list, a log
only between ``::stop-commands::`` and its end, a summary only inside a code span, an output only between random
delimiters.  Secrets are masked before anything else happens and are handed to git through its environment alone.
"""
