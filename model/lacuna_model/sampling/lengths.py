"""How many slots a gap gets where the model cannot take any away itself."""


def length_hypotheses(max_tokens: int, num_hypotheses: int) -> list[int]:
    """Lengths to try, rising to `max_tokens` in about equal ratios.

    Args:
        max_tokens: the longest, at least 1.
        num_hypotheses: most lengths, at least 1.
    """
    ratio = max_tokens ** (1 / max(1, num_hypotheses - 1))
    lengths = {max(1, round(max_tokens / ratio**step)) for step in range(num_hypotheses)}
    return sorted(lengths)
