"""The HTTP API: who may ask, how often, and what is answered."""
