"""What every tab is built from."""
