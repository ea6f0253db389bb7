"""Tests that other tools made, or that were written for them, taken as tests of ours.

Results (Great Expectations, Evidently, Pointblank, Deepchecks) become checks, held to the data they were made on; a
Pandera schema becomes column tests that our engine runs.  The files come from a repository and are not trusted: they
are read bounded, a shape that is not known is refused, and no code of theirs is ever run.
"""
