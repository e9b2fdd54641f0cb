"""The policies of a sampler, chosen together."""

from dataclasses import dataclass

from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.sampling.acceptance import Acceptance, EntropyBound
from lacuna_model.sampling.noise import Noise, noise_of
from lacuna_model.sampling.revision import LeastConfident, Never, Revision
from lacuna_model.sampling.schedule import LinearTemperature, Schedule
from lacuna_model.sampling.stopping import StableAndConfident, Stopping

CANDIDATE_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Sampler:
    """Everything the denoising loop asks about.

    Attributes:
        noise: what undecided slots hold.
        acceptance: which candidates a step keeps.
        schedule: the temperature of each step.
        stopping: when a row is final.
        revision: what to doubt at the end.
        candidate_temperature: least temperature of all rows but the first, so that they differ from it; 0 where rows
            differ in length anyway.
    """

    noise: Noise
    acceptance: Acceptance
    schedule: Schedule
    stopping: Stopping
    revision: Revision
    candidate_temperature: float

    @classmethod
    def of_checkpoint(
        cls, config: DenoiserConfig, generation: GenerationConfig, temperature: float | None = None
    ) -> "Sampler":
        """The sampler that a checkpoint wants, at its own temperatures or at a constant one."""
        t_min, t_max = (generation.t_min, generation.t_max) if temperature is None else (temperature, temperature)
        return cls(
            noise=noise_of(config),
            acceptance=EntropyBound(generation.entropy_bound),
            schedule=LinearTemperature(t_min, t_max),
            stopping=StableAndConfident(generation.stability, generation.confidence),
            revision=LeastConfident() if config.noise == "absorbing" else Never(),
            candidate_temperature=0.0 if config.delete_token_id is None else CANDIDATE_TEMPERATURE,
        )
