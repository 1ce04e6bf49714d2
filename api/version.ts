import { readFileSync } from 'node:fs';

// The package file is one folder up in the sources and two in dist/.
function find(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { name?: unknown; version?: unknown };
      if (name === 'countersign' && typeof version === 'string') return version;
    } catch {
      // Not there; the next place may have it.
    }
  }
  return '0.0.0';
}

/** The release this code belongs to. */
export const version = find();
