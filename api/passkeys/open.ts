import type { Logger } from 'pino';
import type { LoadedConfig } from '../../config/load.js';
import { relyingPartyAt } from '../../domain/verify-passkey.js';
import type { InboxPasskeys } from '../inbox/passkey-routes.js';
import { openPasskeyStore } from './store.js';

/** The passkeys of the configuration, where browsers can use any at its address. */
export function passkeysOf(config: Pick<LoadedConfig, 'api' | 'resolve'>, log: Pick<Logger, 'warn'>): { readonly passkeys?: InboxPasskeys } {
  const { passkeys, publicUrl } = config.api;
  if (passkeys === undefined) return {};
  const party = relyingPartyAt(publicUrl);
  if (party !== undefined) return { passkeys: { store: openPasskeyStore(config.resolve(passkeys.file)), party } };
  log.warn({ publicUrl }, 'the inbox offers no passkeys: browsers want a name and https, or http://localhost');
  return {};
}
