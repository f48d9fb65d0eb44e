"""Where results are kept: Alibaba Cloud OSS."""
