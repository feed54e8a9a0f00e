"""What is done with a denoiser: functions from denoiser to denoiser, and generators of Steps."""
