"""The networks, and how they come here."""
