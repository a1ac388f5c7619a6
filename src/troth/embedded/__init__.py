"""The default deployment: store, kernel and worker in the program's own process."""
