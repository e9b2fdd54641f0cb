"""From package registries to a checkpoint: corpus, tokenizer, examples, noise, losses, loop."""
