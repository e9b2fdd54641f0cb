from collections.abc import Callable

import pytest
import torch

from lacuna_model.canvas import CLAMPED, PADDING, Canvas
from lacuna_model.config import DenoiserConfig
from lacuna_model.prefix_cache import PrefixCache
from lacuna_model.ranking import Candidates, EncoderJudge, MeanConfidence, RemaskedScore
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.noise import noise_of
from lacuna_model.transformer.denoiser import Denoiser

PREFIX = [2, 30, 40, 50]
SUFFIX = [60, 61, 62, 63, 64, 65]
MIDDLES = [[70, 71, 72], [], [80]]
CONFIDENCES = [[0.5, 0.25, 0.75], [], [0.125]]
SCORES = [-3.0, -1.0, -2.0]
MASK = 4


@pytest.fixture(scope="module")
def candidates(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Candidates:
    denoiser = tiny_denoiser(tiny_config())
    rows = [[(token, 0) for token in middle] + [(token, CLAMPED) for token in SUFFIX] for middle in MIDDLES]
    canvas = Canvas.of_rows(rows, 0, torch.device("cpu"))
    confidence = torch.zeros(canvas.ids.shape)
    for row, values in enumerate(CONFIDENCES):
        confidence[row, : len(values)] = torch.tensor(values)
    return Candidates(
        denoiser,
        noise_of(denoiser.config),
        SeededDraws.of_seed(0, torch.device("cpu")),
        PrefixCache(denoiser, 1 << 20).encode("", PREFIX),
        canvas,
        confidence,
        torch.tensor(SCORES),
        torch.full((len(MIDDLES),), len(SUFFIX)),
        torch.arange(denoiser.config.vocab_size) // 2,
    )


@pytest.mark.parametrize("num_suffix_tokens", [2, 6, 16])
def test_the_judge_follows_the_chain_rule_token_by_token(candidates: Candidates, num_suffix_tokens: int) -> None:
    denoiser = candidates.denoiser
    scores, following = EncoderJudge(num_suffix_tokens).judge(candidates)
    assert following is not None
    for score, first, middle, own in zip(scores.tolist(), following.tolist(), MIDDLES, SCORES, strict=True):
        text, steps = list(PREFIX), list[float]()
        of_byte = 0.0
        for token in middle + SUFFIX[:num_suffix_tokens]:
            states, _ = denoiser.encode(torch.tensor([text]))
            likely = denoiser.logits(states[0, -1]).log_softmax(-1)
            if len(steps) == len(middle):  # two tokens begin with the same byte
                of_byte = float(likely[token - token % 2 : token - token % 2 + 2].logsumexp(0))
            steps.append(float(likely[token]))
            text.append(token)
        assert score == pytest.approx(own + sum(steps), rel=1e-4)
        assert first == pytest.approx(of_byte, rel=1e-4)


def test_remasked_score_predicts_middle_and_head_at_once(candidates: Candidates) -> None:
    ids = candidates.canvas.ids.clone()
    for row, tokens in enumerate(MIDDLES):
        ids[row, : len(tokens) + 4] = MASK
    hidden = candidates.denoiser.denoise(ids, candidates.prefix.key_values, padding=candidates.canvas.gaps == PADDING)
    likely = candidates.denoiser.logits(hidden).log_softmax(-1)
    for row, score in enumerate(RemaskedScore().judge(candidates).score.tolist()):
        middle = [float(likely[row, i, token]) for i, token in enumerate(MIDDLES[row])]
        head = [float(likely[row, len(middle) + i, token]) for i, token in enumerate(SUFFIX[:4])]
        expected = sum(head) / 4
        if middle:
            expected = 0.5 * expected + 0.5 * sum(middle) / len(middle)
        assert score == pytest.approx(expected, rel=1e-4)


def test_mean_confidence_is_a_mean(candidates: Candidates) -> None:
    assert MeanConfidence().judge(candidates).score.tolist() == pytest.approx([0.5, 0.0, 0.125])
