"""The tab Hybrids."""
