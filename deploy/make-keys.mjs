// The one-shot job of docker-compose.yml: makes the keys that are missing, each in the volume of the one
// process that may hold it. It prints which keys there are, never a key.
import { ensureKeys } from '../scripts/lib/keys.mjs';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node make-keys.mjs FOLDER');
  process.exit(2);
}
const made = await ensureKeys(folder, { split: true, mode: 0o400 });
console.log(made.length === 0 ? 'all keys are there' : `made keys for ${made.join(', ')}`);
