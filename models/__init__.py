"""The functional core: what a purchase, or a silence, means for one customer.

Nothing here reads a clock, a file, the network, the environment or a random number;
`tests/test_architecture.py` holds that. Time, events and policy come in as arguments,
new states and effects go out as values.
"""
