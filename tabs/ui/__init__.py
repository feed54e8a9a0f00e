"""The parts of which every tab is built."""
