"""How the SDK reaches a kernel: one small interface."""
