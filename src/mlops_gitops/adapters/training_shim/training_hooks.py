"""Everything beyond watching: stages and calls where they are traced, and what was ordered to be changed.

What ``deterministic`` sets:

| library      | setting                                                                                            |
|--------------|----------------------------------------------------------------------------------------------------|
| random       | random.seed(0)                                                                                     |
| NumPy        | numpy.random.seed(0); generators made without a seed get a derived one                              |
| PyTorch      | torch.manual_seed(0), use_deterministic_algorithms(True), cudnn.deterministic, cudnn.benchmark off  |
| LightGBM     | deterministic=true, force_row_wise=true, seed=0, where the training sets none                       |
| XGBoost      | seed=0, where the training sets none                                                               |
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
