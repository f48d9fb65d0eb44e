"""Runs plans: executors, warm node instances, sessions, runs and their events."""
