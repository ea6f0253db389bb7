"""May it move: reading the environment repository, deciding, and writing one commit that holds pointer and receipt."""
