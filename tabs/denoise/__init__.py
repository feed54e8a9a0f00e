"""The tab Forward & denoise."""
