"""What diffusion models do, as pure functions; every tab, training and benchmark calls them."""

import os

# Threads that wait for work sleep: where they spin, two runs at once, or anything else on the machine, slow each other
# (a small network's training by a factor of ten). Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
