"""The mathematics of diffusion: paths, denoisers, samplers, guidance. Needs torch alone."""
