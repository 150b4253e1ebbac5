"""Made-up customers with known truth: who they are, what they do, and files of it.

A `Population` and a number give one customer's whole life (`life.py`); the life gives events
(`mess.py`), events are brought into the order in which they are read (`ordering.py`) and written
(`writing.py`). Nothing here depends on how many customers there are or how many are made at a time.
"""
