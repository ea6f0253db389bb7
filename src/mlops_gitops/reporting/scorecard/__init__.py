"""What a run found about a pull request of a model repository, in one picture, and the ways to show it.

``assembly`` puts the JSON that verbs printed together into a ``Scorecard`` of frozen records; ``markdown``,
``document`` and ``inline`` show it; ``sticky`` decides what becomes of the comment on the pull request, ``standings``
how open pull requests compare.  All of it is pure but ``placing``, which acts through a ``Protocol``.  The reports come
from jobs that ran the code of a pull request, so every word and number in them is somebody else's: it is shown inert
and cut, and decides nothing but what is shown.
"""
