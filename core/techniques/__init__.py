"""Techniques with a denoiser: functions from Denoiser to Denoiser, and generators of Steps."""
