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
        """The sampler that a checkpoint wants, at its own temperatures or at a constant one.

        Those of `generation_config.json` are uniform noise's, which needs chance to leave its random start. Under
        absorbing noise a slot takes its best token.
        """
        is_absorbing = config.noise == "absorbing"
        if temperature is not None:
            t_min = t_max = temperature
        elif is_absorbing:
            t_min = t_max = 0.0
        else:
            t_min, t_max = generation.t_min, generation.t_max
        return cls(
            noise=noise_of(config),
            acceptance=EntropyBound(generation.entropy_bound),
            schedule=LinearTemperature(t_min, t_max),
            stopping=StableAndConfident(generation.stability, generation.confidence),
            revision=LeastConfident() if is_absorbing else Never(),
            candidate_temperature=0.0 if config.delete_token_id is None else CANDIDATE_TEMPERATURE,
        )
