"""Where objects are kept: rows in, rows out, no rule of the protocol."""
