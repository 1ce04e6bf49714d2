export type Ports = { readonly api: number; readonly idp: number; readonly database: number; readonly temporal: number; readonly temporalUi: number };
export type ProcessInfo = {
  readonly state: 'stopped' | 'starting' | 'ready' | 'waiting' | 'given-up';
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly ready: Readonly<Record<string, unknown>> | undefined;
};
export type LogLine = { readonly data: Readonly<Record<string, unknown>> | undefined; readonly level: number; readonly text: string };
export type ProcessSpec = {
  readonly name: string;
  readonly module?: string;
  readonly program?: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env: (ready: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>) => Record<string, string | undefined>;
  readonly isReady?: (line: LogLine) => boolean;
  readonly probe?: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  /** Lines below this level stay in the log file. */
  readonly minLevel?: number;
  readonly last?: boolean;
};
export class Supervisor {
  constructor(options?: {
    readonly logFolder?: string;
    readonly write?: (line: string) => void;
    readonly onGiveUp?: (name: string, trouble: Error) => void;
    readonly crashLimit?: number;
    readonly crashWindowMs?: number;
    readonly graceMs?: number;
    readonly backoffMs?: number;
  });
  add(spec: ProcessSpec): this;
  start(name: string): Promise<void>;
  whenReady(name: string, timeoutMs?: number): Promise<void>;
  info(name: string): ProcessInfo;
  lines(name: string): string[];
  kill(name: string, signal?: NodeJS.Signals): void;
  stopOne(name: string, signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
  killAllNow(): void;
}
export type SystemConfig = {
  readonly publicUrl: string;
  readonly namespace: string;
  readonly address: string;
  readonly uiUrl: string;
  readonly exports: string;
  readonly ports: Ports;
};
export type WholeSystem = {
  readonly home: string;
  readonly config: SystemConfig;
  readonly secrets: Readonly<Record<string, string>>;
  readonly supervisor: Supervisor;
  readonly lines: readonly string[];
  stop(options?: { readonly keep?: boolean }): Promise<void>;
};
export type Scenario = {
  readonly summary: string;
  readonly agent: string;
  readonly expect: string;
  readonly people: number;
  readonly body: {
    readonly action: string;
    readonly resource: { readonly type: string; readonly id: string };
    readonly parameters: Record<string, unknown>;
    readonly reason: string;
  };
  readonly next: string;
};
export type Reply = { readonly status: number; readonly body: Record<string, unknown> };
export class Client {
  constructor(options: { readonly home: string; readonly publicUrl: string; readonly subject: string });
  request(
    method: string,
    where: string,
    options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number },
  ): Promise<Reply>;
  submit(body: unknown, key?: string): Promise<Record<string, unknown>>;
  follow(id: string, signal?: AbortSignal): AsyncIterable<Record<string, unknown>>;
}
export const root: string;
export const scenarios: Readonly<Record<'allowed' | 'denied' | 'approval' | 'two-approvals' | 'step-up' | 'passkey' | 'escalates' | 'expires', Scenario>>;
export function devToken(home: string, subject: string): Promise<string>;
export function isRunning(pid: number): Promise<boolean>;
export function isFree(port: number): Promise<boolean>;
export function freePorts(): Promise<Ports>;
export function makeBuilt(): Promise<void>;
export function startMemoryTemporal(): Promise<{
  readonly address: string;
  readonly namespace: string;
  readonly binary: string;
  stop(): Promise<void>;
}>;
export function startWholeSystem(options?: {
  readonly home?: string;
  /** Changes the configuration text before anything starts. */
  readonly edit?: (yaml: string) => string;
  readonly extraEnv?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly limits?: { readonly crashLimit?: number; readonly backoffMs?: number; readonly graceMs?: number };
}): Promise<WholeSystem>;
