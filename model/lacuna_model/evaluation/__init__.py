"""Measures fills: HumanEval-Infilling, exact match on held-out source, latency, ranking policies."""
