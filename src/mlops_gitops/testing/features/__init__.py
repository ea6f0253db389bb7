"""What each feature brings to a prediction, and what it costs."""
