/** A replay as frames: what happened to every slot of the canvas in every denoising step. */

import type { Replay, Token } from '../messages.ts';

/**
 * What a step did to a slot: left it masked, accepted a token, kept it, put another one in its place, or made it noise
 * again.
 */
export type Fate = 'masked' | 'accepted' | 'kept' | 'revised' | 'renoised';

export interface Slot extends Token {
  readonly fate: Fate;
}

export interface Frame {
  /** What the frame shows, for people. */
  readonly name: string;
  /** Since the fill was asked for. */
  readonly elapsedMs: number;
  readonly gaps: readonly (readonly Slot[])[];
  /** Slots that were surplus and are on the canvas no more. */
  readonly numRemoved: number;
}

/** Everything masked, then each step, then the result, which may be cut where the user is shown less. */
export function framesOf(replay: Replay): Frame[] {
  const masked = (replay.steps[0]?.gaps ?? replay.tokens).map((gap) => gap.map((): Slot => NOISE));
  const start = replay.queueMs + replay.encodeMs;
  const frames: Frame[] = [
    { name: 'Before the first step', elapsedMs: Math.min(start, replay.totalMs), gaps: masked, numRemoved: 0 },
  ];
  const results = replay.steps.map(({ step, ...rest }) => ({ name: `Step ${step} of ${replay.numSteps}`, ...rest }));
  for (const { name, elapsedMs, gaps } of [
    ...results,
    { name: 'Result', elapsedMs: replay.totalMs, gaps: replay.tokens },
  ]) {
    const before = frames.at(-1)!.gaps;
    const numRemoved = Math.max(0, before.flat().length - gaps.flat().length);
    frames.push({ name, elapsedMs, gaps: fates(before, gaps), numRemoved });
  }
  return frames;
}

/** How many slots of a frame met each fate. */
export function count({ gaps }: Frame): Record<Fate, number> {
  const counts = { masked: 0, accepted: 0, kept: 0, revised: 0, renoised: 0 };
  for (const { fate } of gaps.flat()) counts[fate] += 1;
  return counts;
}

const NOISE: Slot = { text: null, confidence: 0, fate: 'masked' };

function fates(before: readonly (readonly Token[])[], after: readonly (readonly Token[])[]): Slot[][] {
  return after.map((gap, number) =>
    gap.map((token, place): Slot => {
      const old = before[number]?.[place]?.text ?? null;
      return { ...token, fate: fateOf(old, token.text) };
    }),
  );
}

function fateOf(before: string | null, after: string | null): Fate {
  if (after === null) return before === null ? 'masked' : 'renoised';
  if (before === null) return 'accepted';
  return before === after ? 'kept' : 'revised';
}
