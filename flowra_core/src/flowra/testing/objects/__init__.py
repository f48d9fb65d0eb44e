"""The tests of `ObjectStoreSuite`, by what they look at."""
