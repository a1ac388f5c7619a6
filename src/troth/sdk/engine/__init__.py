"""The replay engine, without I/O: a body and a journal go in; calls to make, ids waited for, or a result come out."""
