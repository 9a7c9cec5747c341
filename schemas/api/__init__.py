"""What the HTTP API speaks: strict, nothing extra, every field described. Core shapes are one folder up."""
