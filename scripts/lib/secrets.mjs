import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const names = [
  'COUNTERSIGN_SESSION_SECRET',
  'COUNTERSIGN_ENCRYPTION_KEY',
  'COUNTERSIGN_CRM_PASSWORD',
  'COUNTERSIGN_HOOK_SIGNING_SECRET',
  'COUNTERSIGN_TEAMS_PASSWORD',
];

/** Reads the development secrets of a data folder, making those that are missing. */
export async function ensureSecrets(home) {
  const file = path.join(home, 'secrets.env');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const secrets = parse(await readFile(file, 'utf8').catch((error) => (error.code === 'ENOENT' ? '' : Promise.reject(error))));
  const missing = names.filter((name) => !secrets[name]);
  for (const name of missing) secrets[name] = randomBytes(32).toString('base64url');
  if (missing.length > 0) {
    const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}`);
    await writeFile(file, `# Development secrets, made by npm start. Each process gets only its own.\n${lines.join('\n')}\n`, { mode: 0o600 });
  }
  await chmod(file, 0o600);
  return secrets;
}

function parse(text) {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => /^[A-Z][A-Z0-9_]*=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1).trim()]),
  );
}
