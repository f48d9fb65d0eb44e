"""Where results are kept: S3, MinIO, GCS, Azure."""
