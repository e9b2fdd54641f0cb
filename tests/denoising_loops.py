"""Runs the captured denoising loop beside the plain one."""

from collections.abc import Generator

import torch

from lacuna_model.canvas import Canvas
from lacuna_model.captured.denoising import CapturedDenoising, CapturedSteps
from lacuna_model.captured.draws import SlotDraws
from lacuna_model.config import DenoiserConfig
from lacuna_model.denoising import Denoised, Denoising, Limits, State
from lacuna_model.sampling.acceptance import EntropyBound
from lacuna_model.sampling.noise import noise_of
from lacuna_model.sampling.revision import Never
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.sampling.schedule import LinearTemperature
from lacuna_model.sampling.stopping import StableAndConfident
from lacuna_model.transformer.denoiser import Denoiser, KeyValues

BANNED = torch.tensor([0, 1, 2])


def sampler_of(
    config: DenoiserConfig, t_min: float, t_max: float, bound: float = 0.5, candidate_temperature: float = 0.0
) -> Sampler:
    return Sampler(
        noise=noise_of(config),
        acceptance=EntropyBound(bound),
        schedule=LinearTemperature(t_min, t_max),
        stopping=StableAndConfident(1, 0.3),
        revision=Never(),
        candidate_temperature=candidate_temperature,
    )


def exhaust(steps: Generator[State, None, Denoised]) -> tuple[list[State], Denoised]:
    states = []
    while True:
        try:
            states.append(next(steps))
        except StopIteration as stop:
            return states, stop.value


def limits(num_steps: int) -> Limits:
    return Limits(num_steps, None, 0, lambda: False)


def check_equal(
    denoiser: Denoiser,
    sampler: Sampler,
    prefix: KeyValues,
    canvas: Canvas,
    seed: int,
    steps: CapturedSteps,
    most: int = 8,
) -> Denoised:
    """Both loops on the same draws: every state and the end, token for token."""
    device, banned = canvas.ids.device, BANNED.to(canvas.ids.device)
    plain = Denoising(denoiser, sampler, prefix, banned, SlotDraws.of_seed(seed, device))
    expected_states, expected = exhaust(plain.run(canvas, limits(most)))
    draws = SlotDraws.of_seed(seed, device)
    captured = CapturedDenoising(denoiser, sampler, prefix, banned, draws, steps=steps)
    states, found = exhaust(captured.run(canvas, limits(most)))
    for state, reference in zip(states, expected_states, strict=False):  # on CUDA there may be a step too many
        for name in ("whole", "is_open", "num_stable_steps", "finished"):
            assert getattr(state, name).tolist() == getattr(reference, name).tolist(), name
        assert state.canvas.ids.tolist() == reference.canvas.ids.tolist()
        torch.testing.assert_close(state.confidence, reference.confidence, atol=1e-4, rtol=1e-3)
    assert len(states) - len(expected_states) in ((0, 1) if device.type == "cuda" else (0,))
    assert found.canvas.ids.tolist() == expected.canvas.ids.tolist()
    assert (found.num_steps, found.stop_reason) == (expected.num_steps, expected.stop_reason)
    return found
