"""Conformance suites for those who write executors and storage. They need pytest; nothing else of Flowra does."""
