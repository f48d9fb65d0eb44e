"""Where results are kept: S3, MinIO, GCS, Azure."""

__version__ = "0.1.0"
