/** How risk is judged: part of the policy folder, so that its authors sign it. */
export type RiskRules = {
  /** Points of a signal; 0 switches it off. A signal that is not here has the points it comes with. */
  readonly weights: Readonly<Partial<Record<SignalName, number>>>;
  readonly workingHours: { readonly days: readonly number[]; readonly from: number; readonly to: number };
  /** Domains of one's own; empty when nothing is said, and then no destination is outside. */
  readonly organisation: readonly string[];
  /** Actions that cannot be taken back, as globs. */
  readonly irreversible: readonly string[];
  /**
   * By action, the parameter that says how much is asked for and from where on that is a lot, and those that keep it small whatever they hold.
   * A filter does not: `id >= 0` is one, too.
   */
  readonly sizes: Readonly<Record<string, SizeRule>>;
  /** How many times its own median is unusual for an agent. */
  readonly unusualFactor: number;
};

export type SizeRule = { readonly parameter: string; readonly many: number; readonly narrowedBy: readonly string[] };

/** Signals with the points they come with. */
export const signalPoints = {
  'reason-thin': 20,
  'reason-persuades': 30,
  'reason-urgent': 10,
  'reason-copied': 20,
  'hidden-characters': 40,
  'outside-hours': 10,
  'on-behalf': 5,
  production: 10,
  irreversible: 15,
  administrator: 40,
  'outside-organisation': 30,
  'unread-parameters': 40,
  'whole-resource': 20,
  'whole-personal-data': 45,
  'first-time-action': 10,
  'first-time-resource': 10,
  'unusual-rate': 20,
  'unusual-size': 20,
  'history-unavailable': 20,
} as const;
export type SignalName = keyof typeof signalPoints;

/** Signals that only a look at history can give: an executor, which has none, takes them from the signed plan. */
export const historySignals: ReadonlySet<string> = new Set<SignalName>([
  'reason-copied',
  'first-time-action',
  'first-time-resource',
  'unusual-rate',
  'unusual-size',
  'history-unavailable',
]);

export const defaultRules: RiskRules = {
  weights: {},
  workingHours: { days: [1, 2, 3, 4, 5], from: 7, to: 19 },
  organisation: [],
  irreversible: ['*delete*', '*drop*', '*destroy*', '*purge*', '*terminate*', '*truncate*', '*wipe*'],
  sizes: { 'postgres.export': { parameter: 'limit', many: 100_000, narrowedBy: [] } },
  unusualFactor: 3,
};
