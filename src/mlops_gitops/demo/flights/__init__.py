"""The model folder of the demo, as a team would write it: copied into the model repository, never imported there."""
