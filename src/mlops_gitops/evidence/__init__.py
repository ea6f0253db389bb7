"""Who says so: signed statements about exactly one release, and whether they satisfy what an environment demands."""
