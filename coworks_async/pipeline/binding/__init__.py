"""Bind what a request contains to the arguments of its entry.

Nothing that a client sends is dropped: every name is bound or is an error, and one response lists all errors.
"""
