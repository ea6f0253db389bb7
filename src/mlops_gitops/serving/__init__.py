"""What runs inside an image.  Imports nothing of this program but the module that asks a model; starts on its own."""
