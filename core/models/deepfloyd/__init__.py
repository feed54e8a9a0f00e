"""DeepFloyd IF: its files on the hub, its stages, its text encoder, its licence."""
