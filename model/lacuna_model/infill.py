"""The infiller: from a text with gaps to fills."""

import time
from collections.abc import Callable, Generator, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from lacuna_model.beams import BeamDenoising
from lacuna_model.calibration import Calibration
from lacuna_model.chaining import Steps, group_gaps, run_chain
from lacuna_model.checkpoint import Progress, load_denoiser
from lacuna_model.config import GenerationConfig
from lacuna_model.constraints.beginnings import Beginnings
from lacuna_model.constraints.building import MAX_IN_MEMORY, AutomatonBuilder
from lacuna_model.denoising import Denoising, Limits, State
from lacuna_model.device import choose_device, choose_dtype
from lacuna_model.errors import CheckpointMismatchError, ConstraintError
from lacuna_model.fills import Piece, Ranked, decode, fill_of, pieces_of, slots_of
from lacuna_model.gap_constraints import GapConstraints, Language, Languages
from lacuna_model.healing import cut_word, fill_without, with_word, without
from lacuna_model.layout import Layout, lay_out
from lacuna_model.prefix_cache import Prefix, PrefixCache
from lacuna_model.quantization.precision import Precision
from lacuna_model.ranking import Candidates, EncoderJudge, MeanConfidence, Ranking
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, Fill, InfillResult
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.lengths import length_hypotheses
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.syntax_rounds import run_with_syntax
from lacuna_model.tally import Tally
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

EMBEDDED_CHECKPOINT = Path(__file__).parent / "weights" / "nano"
NUM_LENGTH_HYPOTHESES = 4
ROOM_OF_CONSTRAINT = 2
"""Slots that a gap in a shared canvas gets for each token of the shortest text that its constraint allows."""


def never() -> bool:
    """Answers that nobody has cancelled."""
    return False


class Infiller:
    """Fills gaps with one checkpoint.

    A gap longer than a canvas goes on in further ones, if it is the only gap: the filled block joins the prefix, as the
    reference does it with its blocks. Here every canvas carries the suffix, so each block may be the last.

    Not safe for several threads at once.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
        *,
        ranking: Ranking | None = None,
        calibration: Calibration | None = None,
        max_prefix_tokens: int = 2048,
        max_cached_prefixes: int = 8,
    ) -> None:
        """Makes an infiller.

        Args:
            denoiser: the model.
            tokenizer: the one it was trained with.
            generation: how its checkpoint wants to be sampled.
            ranking: chooses among candidates; None: the encoder as judge.
            calibration: what confidences of beams mean; None: nobody knows, and they are left as they are.
            max_prefix_tokens: tokens of the text before the gap that the model reads.
            max_cached_prefixes: how many prefixes of full length the cache has room for.
        """
        self.denoiser = denoiser
        self.tokenizer = tokenizer
        self.generation = generation
        self.ranking: Ranking = EncoderJudge() if ranking is None else ranking
        self.calibration = calibration
        self.max_prefix_tokens = max_prefix_tokens
        self._max_cache_bytes = max_cached_prefixes * max_prefix_tokens * denoiser.num_bytes_of_token
        self.cache = PrefixCache(denoiser, self._max_cache_bytes)
        config = denoiser.config
        no_text = (b"",) * (config.vocab_size - tokenizer.num_text_ids)
        vocabulary = (*tokenizer.vocabulary, *no_text)
        self._token_bytes = vocabulary
        first_bytes = [token[0] if token else -1 for token in vocabulary]
        self._first_bytes = torch.tensor(first_bytes, dtype=torch.int64, device=denoiser.device)
        self._automata = AutomatonBuilder(vocabulary)
        self._language_of = lru_cache(MAX_IN_MEMORY)(
            lambda constraint, language: Language.of(constraint, language, self._automata)
        )
        self._beginnings = Beginnings(vocabulary)
        textless = {*tokenizer.special_ids, *range(tokenizer.num_text_ids, config.vocab_size), config.mask_token_id}
        banned = sorted(token for token in textless - {None, config.delete_token_id} if token < config.vocab_size)
        self._banned = torch.tensor(banned, dtype=torch.int64, device=denoiser.device)

    @classmethod
    def load(
        cls,
        directory: Path | None = None,
        device: str = "auto",
        dtype: torch.dtype | None = None,
        progress: Progress | None = None,
        precision: Precision | None = None,
    ) -> "Infiller":
        """Loads a checkpoint.

        Args:
            directory: of the checkpoint; None: the embedded one.
            device: see `choose_device`.
            dtype: of the weights; None: see `choose_dtype`.
            progress: told how much has been read.
            precision: quantises most weights as they are read; None: only if the checkpoint is quantised.

        Raises:
            DeviceError: there is no such device.
            CheckpointError: the checkpoint cannot be used.
            ConfigError: its configuration cannot be used.
        """
        directory = EMBEDDED_CHECKPOINT if directory is None else directory
        place = choose_device(device)
        if dtype is None:
            dtype = choose_dtype(place)
        denoiser = load_denoiser(directory, place, dtype, progress, precision)
        tokenizer = Tokenizer.load(directory)
        if tokenizer.num_text_ids > denoiser.config.vocab_size:
            raise CheckpointMismatchError(
                f"The tokenizer in {directory} has ids up to {tokenizer.num_text_ids - 1}, the model knows "
                f"{denoiser.config.vocab_size} tokens; they belong to different checkpoints."
            )
        calibration = Calibration.load(directory)
        return cls(denoiser, tokenizer, GenerationConfig.load(directory), calibration=calibration)

    def fresh(self) -> "Infiller":
        """The same infiller with an empty cache."""
        other = copy(self)
        other.cache = PrefixCache(self.denoiser, self._max_cache_bytes)
        return other

    def infill(
        self, request: InfillRequest, cancelled: Callable[[], bool] = never, groups: Sequence[range] | None = None
    ) -> InfillResult:
        """Fills the gaps of a request; see `run`."""
        steps = self.run(request, cancelled, groups)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                result: InfillResult = stop.value
                return result

    def run(
        self, request: InfillRequest, cancelled: Callable[[], bool] = never, groups: Sequence[range] | None = None
    ) -> Steps:
        """Fills the gaps of a request and yields the canvas after every step.

        Args:
            request: the text and its gaps.
            cancelled: asked at the start and before every step; once it answers True, the result is empty.
            groups: runs of neighbouring gaps that share a canvas, from the first gap to the last; None: what suits the
                checkpoint.

        Raises:
            InputError: a draft is longer than its gap.
            ConstraintError: a constraint is wrong, or leaves no fill.
        """

        def run(request: InfillRequest, cancelled: Callable[[], bool]) -> Steps:
            return run_chain(self._run_group, request, groups or self._groups(request), cancelled)

        return run_with_syntax(run, request, cancelled) if request.options.syntax else run(request, cancelled)

    def _groups(self, request: InfillRequest) -> list[range]:
        """Runs of gaps that share a canvas. With beams none do: that would save no pass, and fill no gap better."""
        if self._beam_width(request) is not None:
            return [range(gap, gap + 1) for gap in range(request.num_gaps)]
        num_needed = [ROOM_OF_CONSTRAINT * least for least in self.languages(request).num_tokens]
        return group_gaps(request, self.tokenizer, self.denoiser.config, num_needed)

    def _run_group(self, request: InfillRequest, cancelled: Callable[[], bool]) -> Steps:
        """Fills gaps that share a canvas."""
        word = self._cut_word(request)
        calibration = self.calibration if self._beam_width(request) else None
        tally = Tally(with_word(request, word), time.perf_counter())
        steps = self._resolve(tally, word, cancelled)
        number = 0
        while True:
            try:
                state = next(steps)
            except StopIteration as stop:
                result: InfillResult = stop.value
                fills = tuple(fill_without(fill, word) for fill in result.fills)
                if calibration is not None:
                    fills = tuple(calibration.fill(fill, request.segments[0]) for fill in fills)
                return replace(
                    result, fills=fills, num_tokens=sum(len(gap) for fill in fills[:1] for gap in fill.tokens)
                )
            number += 1
            first, *others = slots_of(state, request.num_gaps, tally.committed, self.tokenizer)
            gaps = (without(first, word), *others)
            yield DenoisingStep(number, calibration.gaps(gaps, request.segments[0]) if calibration else gaps)

    def _cut_word(self, request: InfillRequest) -> str:
        """What of a word is healed: where anything may follow, only if the model chooses the length by itself."""
        if self.denoiser.config.delete_token_id is None and not any(request.constraints or ()):
            return ""
        return cut_word(request, self.languages(request).num_tokens[0], self.tokenizer)

    def _resolve(self, tally: Tally, word: str, cancelled: Callable[[], bool]) -> Generator[State, None, InfillResult]:
        request, options = tally.request, tally.request.options
        rest = lay_out(request, self.tokenizer, self.denoiser.config, self.generation, self.max_prefix_tokens)
        width = self._beam_width(request)
        languages = self.languages(request, "" if width else word)  # beams spell the word themselves
        if cancelled():
            return tally.cancelled()
        prefix = self._encode(tally, rest)
        tally.num_prefix_tokens, tally.num_cached_tokens = prefix.num_tokens, prefix.num_cached_tokens
        sampler = Sampler.of_checkpoint(self.denoiser.config, self.generation, options.temperature)
        draws = SeededDraws.of_seed(options.seed, self.denoiser.device)
        while True:
            most = min(rest.max_slots, max(request.max_tokens) - len(tally.committed))
            layout, rest = rest.split(most)
            num_left = max(request.max_tokens) - len(tally.committed) - most if request.num_gaps == 1 else 0
            constraints = languages.canvas(self._bytes(tally.committed), num_left)
            num_slots = [most] if width else self._num_slots(layout, options, most, constraints)
            canvas, num_suffix_tokens = layout.canvas(num_slots, self.denoiser.device)
            began = time.perf_counter()
            denoising = Denoising(self.denoiser, sampler, prefix.key_values, self._banned, draws, constraints)
            if width:
                denoising = self._with_beams(denoising, width, word, tally)
            denoised = yield from denoising.run(
                canvas, self._limits(tally, width is not None or len(num_slots) > 1, cancelled)
            )
            tally.denoise_seconds += time.perf_counter() - began
            tally.num_steps += denoised.num_steps
            tally.stop_reason = denoised.stop_reason
            if denoised.stop_reason == "cancelled":
                return tally.cancelled()
            candidates = Candidates(
                denoiser=self.denoiser,
                noise=sampler.noise,
                draws=draws,
                prefix=prefix,
                canvas=denoised.canvas,
                confidence=denoised.confidence,
                score=denoised.score,
                num_suffix_tokens=num_suffix_tokens.expand(len(denoised.score)),
                first_bytes=self._first_bytes,
            )
            ranked = self._rank(tally, candidates, is_judged=width is not None)
            best = ranked[0].gaps
            if not self._goes_on(tally, rest, best, max(num_slots), languages):
                return tally.result(self._fills(tally, ranked, languages))
            tally.committed += best[0]
            prefix = self._encode(tally, rest)

    def _encode(self, tally: Tally, layout: Layout) -> Prefix:
        """Reads the text before the gap and what earlier canvases have put into it."""
        began = time.perf_counter()
        text = [*layout.prefix, *(token for token, _ in tally.committed)]
        prefix = self.cache.encode(tally.request.document, text)
        tally.encode_seconds += time.perf_counter() - began
        return prefix

    def languages(self, request: InfillRequest, word: str = "") -> Languages:
        """What the gaps of a request may hold, the first one also a word at its beginning."""
        languages = [
            None if constraint is None else self._language_of(constraint, request.language)
            for constraint in request.constraints or (None,) * request.num_gaps
        ]
        begun = Language.beginning(word.encode(), languages[0], self._beginnings) if word else None
        return Languages(languages, self.denoiser.config.delete_token_id, begun)

    def _bytes(self, gap: Sequence[Piece]) -> bytes:
        return self.tokenizer.decode_bytes([token for token, _ in gap])

    def _goes_on(
        self,
        tally: Tally,
        rest: Layout,
        best: Sequence[Sequence[Piece]],
        num_slots: int,
        languages: Languages,
    ) -> bool:
        """Whether a single gap goes on in a further canvas.

        It does if its draft does, or if the best fill used up all slots and more are wanted; with a constraint, until
        that is obeyed.
        """
        if tally.request.num_gaps > 1:
            return False
        if any(languages.of_gap):
            return not languages.accept([self._bytes((*tally.committed, *best[0]))])
        filled = [token for token, _ in (*tally.committed, *best[0])]
        options = tally.request.options
        draft = rest.drafts[0]
        elapsed_ms = 1000 * (time.perf_counter() - tally.started)
        return (
            (len(draft.tokens) > 0 or (draft.is_open_ended and len(best[0]) == num_slots))
            and len(filled) < max(tally.request.max_tokens)
            and len(rest.prefix) + len(filled) + rest.length <= self.denoiser.config.max_positions
            and (options.max_lines is None or decode(filled, self.tokenizer).count("\n") < options.max_lines)
            and (options.deadline_ms is None or elapsed_ms + tally.ms_per_step <= options.deadline_ms)
            and (options.max_forwards is None or tally.num_steps < options.max_forwards)
        )

    def _beam_width(self, request: InfillRequest) -> int | None:
        """Candidates that compete; None where chance or a format is asked for, or other sampling by the checkpoint."""
        width, options = self.denoiser.config.beam_width, request.options
        if width is None or options.temperature or any(request.constraints or ()):
            return None
        return max(width, options.num_candidates)

    def _with_beams(self, plain: Denoising, width: int, word: str, tally: Tally) -> Denoising:
        return BeamDenoising(
            plain.denoiser,
            plain.sampler,
            plain.prefix,
            plain.banned,
            plain.draws,
            token_bytes=self._token_bytes,
            beginnings=self._beginnings,
            word=b"" if tally.committed else word.encode(),
            width=width,
            num_wanted=tally.request.options.num_candidates,
            goes_on=bool(tally.committed),
        )

    def _num_slots(
        self, layout: Layout, options: InfillOptions, most: int, constraints: GapConstraints | None
    ) -> list[int]:
        """Slots of the open-ended gaps in each row: several lengths only where the model cannot delete."""
        can_delete = self.denoiser.config.delete_token_id is not None
        if can_delete:
            lengths = [most] * options.max_fills
        else:
            least = min((len(draft.tokens) for draft in layout.drafts if draft.is_open_ended), default=most)
            hypotheses = length_hypotheses(most, max(options.max_fills, NUM_LENGTH_HYPOTHESES))
            lengths = sorted({max(length, least) for length in hypotheses}, reverse=True)
        if constraints is None:
            return lengths
        possible = [most] if can_delete else range(1, most + 1)
        fitting = [num_slots for num_slots in possible if constraints.fit(layout.num_slots(num_slots))]
        if not fitting:
            raise ConstraintError(f"No text that the format allows fits into {most} tokens; allow more of them.")
        if can_delete:
            return lengths
        return sorted({min(fitting, key=lambda each: abs(each - length)) for length in lengths}, reverse=True)

    def _limits(self, tally: Tally, is_ranked: bool, cancelled: Callable[[], bool]) -> Limits:
        options = tally.request.options
        most = self.generation.num_denoising_steps
        return Limits(
            num_steps=most if options.max_forwards is None else max(1, options.max_forwards - tally.num_steps),
            deadline=None if options.deadline_ms is None else tally.started + options.deadline_ms / 1000,
            num_reserved_forwards=self.ranking.num_forwards if is_ranked else 0,
            cancelled=cancelled,
        )

    def _rank(self, tally: Tally, candidates: Candidates, *, is_judged: bool) -> list[Ranked]:
        """Distinct candidates, best first. A single one costs no pass unless it is to be judged nevertheless."""
        began = time.perf_counter()
        num_rows = len(candidates.canvas.ids)
        read = [
            pieces_of(candidates.canvas, candidates.confidence, row, tally.request.num_gaps) for row in range(num_rows)
        ]
        tokens = [tuple(tuple(token for token, _ in gap) for gap in gaps) for gaps in read]
        ranking: Ranking = self.ranking if is_judged or len(set(tokens)) > 1 else MeanConfidence()
        opinion = ranking.judge(candidates)
        scores: list[float] = opinion.score.tolist()
        following = [None] * num_rows if opinion.log_following is None else opinion.log_following.tolist()
        tally.num_ranking_forwards += ranking.num_forwards
        best_first = sorted(range(num_rows), key=lambda row: -scores[row])
        distinct = {tokens[row]: row for row in reversed(best_first)}  # of equals the best remains
        ranked = [Ranked(read[row], scores[row], following[row]) for row in best_first if distinct[tokens[row]] == row]
        tally.rank_seconds += time.perf_counter() - began
        return ranked

    def _fills(self, tally: Tally, ranked: Sequence[Ranked], languages: Languages) -> list[Fill]:
        request, options = tally.request, tally.request.options
        fills: dict[tuple[str, ...], Fill] = {}
        for (first, *others), score, log_following in ranked:
            gaps = [tally.committed + first, *others]
            if not languages.accept([self._bytes(gap) for gap in gaps]):
                continue  # the best one is whole, this one would go on in a further canvas
            fill = fill_of(gaps, request.segments[1:], score, options.max_lines, self.tokenizer, log_following)
            fills.setdefault(fill.texts, fill)
        return list(fills.values())[: options.max_fills]
