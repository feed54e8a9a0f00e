"""The tab Sampling & guidance."""
