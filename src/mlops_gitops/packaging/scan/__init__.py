"""Model files, judged before anything loads them."""
