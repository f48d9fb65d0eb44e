"""Where results are kept: Alibaba Cloud OSS."""

__version__ = "0.1.0"
