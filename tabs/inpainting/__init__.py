"""The tab Inpainting."""
