"""The tab Fewer steps."""
