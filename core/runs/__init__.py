"""One file per tab: from a request to its cost, its Steps and its labels."""
