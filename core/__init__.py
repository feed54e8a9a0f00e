"""What diffusion models do, as pure functions; every tab, training and benchmark calls them."""

import os

# Threads that wait for work sleep: where they spin, two runs at once, or anything else on the machine, slow each other
# (a small network's training by a factor of ten). GNU's spin for some microseconds first, which bridges the gaps between the
# layers of a network: alone it is then half as fast again, and beside other work no slower. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
