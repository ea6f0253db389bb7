"""Lint rules, one module per family.

A family offers ``RULES`` and ``check(subject)``.  Rules make problems; they never print, and never raise: a value
of the wrong shape is the schema's to report, and a rule looks past it.
"""
