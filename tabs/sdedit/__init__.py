"""The tab SDEdit."""
