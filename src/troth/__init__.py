"""Durable functions with a permanent memory."""
