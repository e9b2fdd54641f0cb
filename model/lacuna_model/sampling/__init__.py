"""How noise becomes text: the policies that the denoising loop asks, each a Protocol and a few small classes."""
