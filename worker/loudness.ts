import { noLocalTeams } from '../config/teams-token.js';

/** What a record of the Temporal SDK is about, as far as its level depends on it. */
export type SdkRecord = {
  readonly level: string;
  readonly message: string;
  /** Type of the activity that the record is about. */
  readonly activity?: string;
  /** The error that the record is about: its code and what it says. */
  readonly error?: { readonly code?: string; readonly message: string };
};

const tellAgainMs = 600_000;
const maxCauses = 100;
const channelActivities: ReadonlySet<string> = new Set(['notify', 'updateCards', 'close']);
// The executor runs activities alone, and no worker of ours serves Nexus: both are meant.
const meant = ['No workflows registered', 'No Nexus services registered'];

/**
 * Says how loud a record is. A channel that is away is retried for long and harms nothing: each cause is one warning in
 * ten minutes, the rest is for debugging. Keeps a bounded number of causes.
 */
export function createLoudness(now: () => number): (record: SdkRecord) => 'error' | 'warn' | 'debug' {
  const toldAt = new Map<string, number>();
  return ({ level, message, activity, error }) => {
    if (meant.some((start) => message.startsWith(start))) return 'debug';
    if (error?.code !== 'channel-unavailable' || activity === undefined || !channelActivities.has(activity)) return level === 'ERROR' ? 'error' : 'warn';
    if (error.message === noLocalTeams) return 'debug';
    const told = toldAt.get(error.message);
    if (told !== undefined && now() - told < tellAgainMs) return 'debug';
    // Set anew, so that the first key is always the one told longest ago.
    toldAt.delete(error.message);
    toldAt.set(error.message, now());
    if (toldAt.size > maxCauses) for (const oldest of [...toldAt.keys()].slice(0, toldAt.size - maxCauses)) toldAt.delete(oldest);
    return 'warn';
  };
}
