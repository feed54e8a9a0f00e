"""The tab Words in the picture."""
