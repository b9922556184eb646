"""Step labelers: sample solutions, roll out from their steps, label them; on one machine or a Ray cluster."""
