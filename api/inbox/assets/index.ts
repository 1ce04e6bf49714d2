import { createHash } from 'node:crypto';
import { logo } from './logo.js';
import { passkeyScript } from './passkey-script.js';
import { script } from './script.js';
import { stylesheet } from './stylesheet.js';

const types = {
  'inbox.css': 'text/css; charset=utf-8',
  'inbox.js': 'text/javascript; charset=utf-8',
  'passkey.js': 'text/javascript; charset=utf-8',
  'logo.svg': 'image/svg+xml',
} as const;
const bodies = { 'inbox.css': stylesheet, 'inbox.js': script, 'passkey.js': passkeyScript, 'logo.svg': logo } as const;

/** A file of the inbox's own. Strings in modules, since only compiled modules reach production. */
export type AssetName = keyof typeof bodies;

const urls = Object.fromEntries(
  Object.entries(bodies).map(([name, body]) => [name, `/inbox/assets/${name}?v=${createHash('sha256').update(body).digest('hex').slice(0, 12)}`]),
) as Record<AssetName, string>;

/** Address of an asset; it changes with its content, so browsers may keep it for good. */
export function assetUrl(name: AssetName): string {
  return urls[name];
}

/** An asset by name, or `undefined`. */
export function findAsset(name: string): { readonly type: string; readonly body: string } | undefined {
  if (!Object.hasOwn(bodies, name)) return undefined;
  return { type: types[name as AssetName], body: bodies[name as AssetName] };
}
