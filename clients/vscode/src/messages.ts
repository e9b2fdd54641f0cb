/** What this client and the server say to each other beyond the protocol. */

import type {
  InlineCompletionItem,
  Position,
  Range,
  TextDocumentIdentifier,
  WorkspaceEdit,
} from 'vscode-languageclient';
import { NotificationType, RequestType, RequestType0 } from 'vscode-languageclient';

/** How much to suggest; a number counts lines. */
export type Length = 'auto' | 'line' | 'block' | number;

export interface Place {
  readonly textDocument: TextDocumentIdentifier;
  readonly position: Position;
}

/** A span of tokens the denoiser was unsure of, in the document as it is after the edit. */
export interface Uncertain {
  readonly range: Range;
  readonly confidence: number;
}

/** An answer without content says why, as a word for programs and as a sentence for people. */
interface Answer {
  readonly reason: string | null;
  readonly message: string;
}

export interface Suggested extends Answer {
  readonly items: readonly InlineCompletionItem[];
}

export interface Filled extends Answer {
  readonly edit: WorkspaceEdit | null;
  readonly uncertain?: readonly Uncertain[];
}

export interface SnippetMade extends Answer {
  readonly range: Range | null;
  readonly insertText: string;
}

/** A format, as `lacuna snippet` takes it. */
export type Constraint = { readonly regex: string } | { readonly schema: unknown } | { readonly preset: string };

/** How the server is. With a reason, the message says why the last request brought nothing. */
export interface Condition {
  readonly state: 'ready' | 'loading' | 'filling' | 'disabled' | 'error';
  readonly message: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
  readonly uri: string | null;
  readonly reason: string | null;
}

/** A request that brought nothing; `time` is in seconds since 1970. */
export interface EmptyAnswer {
  readonly time: number;
  readonly uri: string;
  readonly reason: string;
  readonly message: string;
}

/** How server and engine are, and why requests brought nothing: the last ones, oldest first, and all by reason. */
export interface Report {
  readonly condition: Condition;
  readonly engine: {
    readonly version: string;
    readonly pid: number;
    readonly checkpoint: string;
    readonly device: string;
    readonly precision: string;
  } | null;
  readonly emptyAnswers: readonly EmptyAnswer[];
  readonly reasons: readonly { readonly reason: string; readonly message: string; readonly count: number }[];
  readonly problems: readonly string[];
  readonly tally: {
    readonly shown: number;
    readonly accepted: number;
    readonly acceptedCharacters: number;
    readonly rejected: number;
  };
}

/** A token of a gap; `text` is null while its slot is masked. */
export interface Token {
  readonly text: string | null;
  readonly confidence: number;
}

/** The canvas after a denoising step. */
export interface Step {
  readonly step: number;
  readonly elapsedMs: number;
  readonly gaps: readonly (readonly Token[])[];
}

/** A fill, step by step. */
export interface Replay {
  readonly uri: string;
  readonly language: string;
  readonly before: string;
  readonly after: string;
  readonly segments: readonly string[];
  readonly steps: readonly Step[];
  readonly tokens: readonly (readonly Token[])[];
  readonly texts: readonly string[];
  readonly stopReason: string;
  readonly numSteps: number;
  readonly numForwards: number;
  readonly numPrefixTokens: number;
  readonly numCachedTokens: number;
  readonly queueMs: number;
  readonly encodeMs: number;
  readonly denoiseMs: number;
  readonly rankMs: number;
  readonly totalMs: number;
}

interface FillSelectionParams {
  readonly textDocument: TextDocumentIdentifier;
  readonly range?: Range;
  readonly ranges?: readonly Range[];
}

interface SnippetParams {
  readonly textDocument: TextDocumentIdentifier;
  readonly range: Range;
  readonly constraint: Constraint | null;
  readonly snippets: true;
}

interface Feedback {
  readonly textDocument: TextDocumentIdentifier;
  readonly length?: number;
}

export const complete = new RequestType<Place & { length: Length }, Suggested, void>('lacuna/complete');
export const alternatives = new RequestType<Place & { count: number }, Suggested, void>('lacuna/alternatives');
export const fillSelection = new RequestType<FillSelectionParams, Filled, void>('lacuna/fillSelection');
export const fillGaps = new RequestType<{ textDocument: TextDocumentIdentifier }, Filled, void>('lacuna/fillGaps');
export const snippet = new RequestType<SnippetParams, SnippetMade, void>('lacuna/snippet');
export const replay = new RequestType<{ textDocument?: TextDocumentIdentifier }, Replay | null, void>('lacuna/replay');
export const status = new RequestType0<Report, void>('lacuna/status');
export const restartEngine = new RequestType0<null, void>('lacuna/restartEngine');

export const conditionChanged = new NotificationType<Condition>('lacuna/status');
export const shown = new NotificationType<Feedback>('lacuna/shown');
export const accepted = new NotificationType<Feedback>('lacuna/accepted');
export const rejected = new NotificationType<Feedback>('lacuna/rejected');

/** The command of every suggested item; VS Code runs it once all of the item was accepted. */
export const ACCEPTED_COMMAND = 'lacuna.accepted';

export interface Accepted {
  readonly textDocument: TextDocumentIdentifier;
  readonly length: number;
  readonly uncertain?: readonly Uncertain[];
}
