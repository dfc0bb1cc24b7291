/**
 * Host: where the explorer gets what it shows, and who does what a button asks for.
 *
 * There are two: a live kernel (`widget.ts`) and an exported page (`page.ts`). Nothing else in the front end knows
 * which one it is in; what a host cannot do is not in its `actions`, and is then not offered.
 *
 * The shapes here are those that `megacache/explorer/` writes. Times are whole microseconds, sizes bytes, and a field is
 * null where torch did not say.
 */

/** Which tree: by the functions that were compiled, or by the user's call stacks that made torch compile. */
export type Grouping = "functions" | "stacks";

/** What a button asks a host to do. */
export type Action = "save" | "save_as" | "load" | "upload" | "export_bundle" | "export_html" | "export_trace";

/** How far an action is; `total` is 0 while it is not known. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** What an action says it did: one line, and the verdicts where something was loaded. */
export interface Outcome {
  readonly text: string;
  /** Why nothing was loaded yet: loading runs code, and this may be somebody else's. Asked with `trusts`, it is loaded. */
  readonly doubts?: readonly string[];
  readonly verdicts?: readonly VerdictRow[];
}

export interface Host {
  readonly actions: ReadonlySet<Action>;
  /** Whether the parts `figure` and `plotly` are there. */
  readonly hasPlotly: boolean;

  /** Return a tree, as `wire.ts` decodes it. */
  tree(grouping: Grouping): Promise<Uint8Array>;

  /** Return one part by its name, such as `node:123` or `guards:run:0/1`; see `Parts`. */
  part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]>;

  /**
   * Do what a button asks for.
   *
   * @param path Where to, for `save_as` and `load`: a path on the machine of the kernel.
   * @param file What to, for `upload`.
   * @param options For `export_html`: what to keep in.
   * @param trusts For `load` and `upload`: the reader saw the doubts, and wants it loaded all the same. The file that was
   *   uploaded last is not sent again.
   */
  act(
    action: Action,
    asked: { path?: string; file?: File; options?: ExportOptions; trusts?: boolean },
    onProgress: (progress: Progress) => void,
  ): Promise<Outcome>;

  /** Forget the file that was uploaded and is doubted: the reader does not want it loaded. */
  forget?(): void;

  /** Call back whenever the trees are others than before, until the returned function is called. */
  onChange(changed: () => void): () => void;

  /** Call back with a sentence while the host cannot answer, such as a busy kernel, and with an empty one when it can. */
  onNotice?(tell: (notice: string) => void): () => void;
}

/** What an exported page may hold beside the rest; without them it has no secrets. */
export interface ExportOptions {
  readonly keepsHome: boolean;
  readonly keepsEnvironment: boolean;
}

/** The parts that a host hands out, by the kind before the colon. */
export interface Parts {
  /** The detail of a node, by its id. */
  node: NodeDetail;
  /** The marked source of a function with all that resumes in it, by `code_id`. */
  source: SourcePart;
  /** The guards of one compile, by `run_id:compile_id`. */
  guards: GuardsPart;
  /** A graph or generated code, by the sha256 of its content. */
  text: TextPart;
  /** The key components of a lookup, by the sha256 of their list. */
  components: ComponentsPart;
  /** The spans of work; the name is empty. */
  timeline: TimelinePart;
  /** A plotly figure by its name: `timeline`, `sizes`, `icicle_time`, `icicle_bytes`. */
  figure: FigurePart;
  /** The source text of plotly.js; the name is empty. */
  plotly: { readonly script: string };
}

/** The head of a tree: what stands above it. */
export interface Summary {
  /** The session's name, or the file's. */
  readonly title: string;
  /** Short facts beside the title: `torch 2.13.0`, `Python 3.11.7`, `AVX-512`. */
  readonly facts: readonly string[];
  /** The six figures below. `value` is already written with its unit; `more` is a quiet addition such as `21 hit, 2 not`. */
  readonly figures: readonly { readonly value: string; readonly more: string; readonly label: string }[];
  /** One quiet line at the bottom right: run id, packs. */
  readonly note: string;
  /** Whether a session is still capturing. */
  readonly isLive: boolean;
  /** The bundle that is shown, or the one that Save writes to; null where there is none. */
  readonly bundle: string | null;
}

export type Tone = "hit" | "caution" | "problem" | "quiet";

/** One tab's worth of references: what to ask `Host.part` for when the tab is opened. */
export interface NodeDetail {
  readonly id: number;
  readonly label: string;
  readonly name: string;
  readonly detail: string;
  readonly state: string;
  readonly overview: Overview;
  /** A `code_id`, or null where there is no source. */
  readonly source: string | null;
  /** The line that this node is about (a graph break), or null. */
  readonly line: number | null;
  readonly guards: readonly GuardsReference[];
  readonly graphs: readonly TextReference[];
  readonly code: readonly TextReference[];
  readonly artifacts: readonly ArtifactRow[];
  readonly why: readonly Why[];
}

export interface Overview {
  /** Facts in two columns: `["first line", "modeling_bert.py:731"]`. */
  readonly facts: readonly (readonly [string, string])[];
  /** Times by phase, outermost first, none inside another. */
  readonly phases: readonly { readonly phase: string; readonly title: string; readonly us: number }[];
  /** Artifacts by state, worst first. */
  readonly states: readonly { readonly state: string; readonly count: number; readonly bytes: number | null }[];
  /** Failures, graph breaks, recompiles and refusals, each with what to do next. */
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly tone: Tone;
  /** One or two words: `Recompiled`, `Graph break`, `Refused`. */
  readonly title: string;
  /** A sentence; text between backticks is code. */
  readonly text: string;
  /** What to do next, possibly empty; text between backticks is code. */
  readonly advice: string;
  /** A longer text of torch's own, possibly empty. */
  readonly more: string;
}

export interface SourcePart {
  readonly file: string;
  readonly qualname: string;
  readonly lines: readonly {
    readonly number: number;
    readonly text: string;
    /** `graph`, `break`, `guard`, `eager`, or empty for a line that runs nothing of its own. */
    readonly mark: string;
    readonly notes: readonly string[];
  }[];
}

export interface GuardsReference {
  /** `run_id:compile_id`, the name of the part. */
  readonly name: string;
  readonly compileId: string;
  readonly kept: number | null;
  readonly dropped: number;
}

export interface GuardsPart {
  readonly rows: readonly GuardRow[];
}

export interface GuardRow {
  readonly type: string;
  readonly expression: string;
  readonly source: string;
  /** The line of the user's code that the guard comes from, and where it is. */
  readonly line: string;
  readonly location: string;
  readonly isDropped: boolean;
  readonly dropReason: string;
  /** The compile that this guard's failure caused, or empty. */
  readonly failedIn: string;
}

export interface TextReference {
  /** The sha256 of the content, the name of the part. */
  readonly sha256: string;
  /** `dynamo graph`, `generated code`; with the compile id and the kind of backend entry. */
  readonly title: string;
  readonly compileId: string;
  readonly bytes: number;
}

export interface TextPart {
  readonly text: string;
  readonly language: "python" | "cpp" | "plain";
  /** Bytes that were left out at the end. */
  readonly leftOutBytes: number;
}

export interface ArtifactRow {
  readonly type: string;
  readonly key: string;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly state: string;
  readonly compileIds: string;
  readonly reason: string;
  /** The name of the `components` part, or null. */
  readonly components: string | null;
}

export interface ComponentsPart {
  readonly rows: readonly { readonly name: string; readonly digest: string; readonly text: string }[];
}

/** Why a lookup was served or not. */
export interface Why {
  readonly verdict: string;
  readonly type: string;
  readonly key: string;
  readonly reason: string;
  readonly nearestKey: string;
  /** The key components that differ from those of the nearest key. */
  readonly differences: readonly { readonly name: string; readonly now: string; readonly then: string }[];
}

export interface VerdictRow {
  readonly verdict: string;
  readonly count: number;
  readonly bytes: number;
  readonly type: string;
  readonly reason: string;
}

export interface TimelinePart {
  /** Microseconds from the first span to the end of the last. */
  readonly durationUs: number;
  /** Phases with their titles, outermost first. */
  readonly phases: readonly { readonly phase: string; readonly title: string }[];
  /** One row per compile and backward: what it is called and the id of its node, or null. */
  readonly lanes: readonly { readonly label: string; readonly title: string; readonly id: number | null }[];
  /** Columns, one entry per span, by start. `phase` and `lane` are places in the lists above; `thread` counts from 0. */
  readonly spans: {
    readonly name: readonly string[];
    readonly lane: readonly number[];
    readonly phase: readonly number[];
    readonly thread: readonly number[];
    readonly depth: readonly number[];
    readonly startUs: readonly number[];
    readonly us: readonly number[];
  };
}

export interface FigurePart {
  readonly data: readonly unknown[];
  readonly layout: Readonly<Record<string, unknown>>;
}
