"""Faults against real processes, and whether what they leave behind is what the log says.

    python -m chaos --minutes 4 --seed 7 [--json FILE]

Broker, store, two workers and a relay run while purchases stream in and parts die, stop, fill up or
lose contact. At the end the log is folded single-threaded, and everything is compared.
"""
