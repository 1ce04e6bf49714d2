import { secretFromEnv, type LoadedConfig } from '../../../config/load.js';
import type { Channel } from '../../ports.js';
import { createTeamsChannel } from './teams.js';

/** The channels that the configuration sets up. The inbox needs none: it shows what is pending by itself. */
export function createChannels(
  config: LoadedConfig,
  onSkipped: (skipped: { readonly recipient: string; readonly reason: string }) => void,
): ReadonlyMap<Channel['kind'], Channel> {
  const channels = new Map<Channel['kind'], Channel>();
  if (config.teams !== undefined) {
    const { appPasswordEnv, ...teams } = config.teams;
    const credentials = { ...teams, ...(appPasswordEnv === undefined ? {} : { appPassword: secretFromEnv(appPasswordEnv) }) };
    channels.set('teams', createTeamsChannel({ config: credentials, publicUrl: config.api.publicUrl, onSkipped }));
  }
  return channels;
}
