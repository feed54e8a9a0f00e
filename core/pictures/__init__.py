"""Pixels in and out, without any network."""
