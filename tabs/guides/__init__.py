"""The tab Other guides."""
