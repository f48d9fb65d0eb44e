"""Runs plans on a `dask.distributed` cluster: the driver decides what runs when, and hands batches of calls out."""
