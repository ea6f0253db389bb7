"""Everything beyond watching: stages and calls where they are traced, and what was ordered to be changed.

What ``deterministic`` sets is listed in ``reproduction/deterministic.py``.
"""

import training_imports


def install(settings, note):
    """Put all hooks in place that the settings ask for."""
    root = settings["root"].rstrip("/") + "/"
    training_imports.install()
    if settings.get("traced"):
        import training_calls
        import training_stages

        training_calls.install(root, note, frozenset(settings.get("declared", ())))
        training_stages.install(root, note)
    import training_chance

    training_chance.install(settings)
