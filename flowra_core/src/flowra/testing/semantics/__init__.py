"""What graphs mean, as tests: one module for each kind of promise. `flowra.testing.executor_suite` is all of them."""
