"""The tab Score field."""
