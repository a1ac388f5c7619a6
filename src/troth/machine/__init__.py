"""The rules of the protocol, pure: no async, clock, randomness, SQL or logging.

A step is a function ``(view, request, now) → Outcome``. It reads only what the request's footprint announced,
mutates nothing and cannot read its own writes. Who calls it loads the view, folds steps over it and writes
the effects.
"""
