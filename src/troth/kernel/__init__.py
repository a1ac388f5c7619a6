"""The one place where the machine meets a store: batching, timers, and who gets work."""
