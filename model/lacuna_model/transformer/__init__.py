"""DiffusionGemma's text model in plain PyTorch: read it from rope to denoiser."""
