"""The shell: Kafka, Redis, processes, files and terminals around the core in `models/`."""
