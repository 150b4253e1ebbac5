"""The shell: Kafka, Redis, processes, files and terminals around the core in `models/`."""

import os

# Models are small: threads of the linear algebra library wait for each other more than they work
# (half a second a fit on two busy cores, a fiftieth of that with one). Read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
