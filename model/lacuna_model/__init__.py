"""The denoiser: fills gaps in a text with a discrete diffusion language model."""
