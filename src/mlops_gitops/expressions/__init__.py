"""Expressions in CEL, the Common Expression Language: read, checked, priced before they run, and evaluated.

For what a policy wants to say about a release beyond the gates that are built in.  What it promises:

* An answer is a function of the expression and of the document, on every machine and in every version: no clock, no
  time-zone database, no locale, no hash order, no back-tracking.  ``verify`` relies on it.
* Every step is counted while it runs, and bounded before it runs, by the same prices (``costs.py``).
* Whatever an expression or a document holds, the only exception is ``Faulty``, with words.

It never reads, writes or calls anything.  It is the core of the language (https://github.com/google/cel-spec): without
protocol buffers, optional values and extensions, and with time zones as offsets only.
"""
