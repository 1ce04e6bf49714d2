import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { homeFolder, root } from './paths.mjs';
import { configFile } from './sample-config.mjs';
import { Trouble } from './term.mjs';

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Builds the package from the options, the environment and countersign.yaml, in this order. */
export async function main(args) {
  const { values } = parseArgs({
    args,
    options: { 'app-id': { type: 'string' }, url: { type: 'string' }, developer: { type: 'string' }, out: { type: 'string' } },
    strict: true,
  });
  const home = homeFolder();
  const config = await readConfig(home);
  const appId = values['app-id'] ?? process.env.COUNTERSIGN_TEAMS_APP_ID ?? config?.teams?.appId;
  const url = values.url ?? process.env.COUNTERSIGN_TEAMS_URL ?? config?.api?.publicUrl;
  const developer = values.developer ?? process.env.COUNTERSIGN_TEAMS_DEVELOPER ?? 'Your organisation';
  const manifest = fill(await readFile(path.join(root, 'teams-app/manifest.json'), 'utf8'), check({ appId, url, developer }));
  const out = path.resolve(values.out ?? path.join(home, 'countersign-teams.zip'));
  await mkdir(path.dirname(out), { recursive: true });
  await writeFile(out, await zip(manifest));
  console.log(
    `${out}\nUpload it in Teams under Apps, Manage your apps, Upload an app, or in the Teams admin center. The bot's messaging endpoint is\n${new URL('/v1/teams/messages', url).href}`,
  );
}

async function readConfig(home) {
  const file = process.env.COUNTERSIGN_CONFIG ?? configFile(home);
  if (!existsSync(file)) return undefined;
  const { parse } = await import('yaml');
  return parse(await readFile(file, 'utf8'));
}

function check({ appId, url, developer }) {
  if (!appId || !guid.test(appId))
    throw new Trouble('The app id of the bot is missing or is no GUID. Name it with --app-id, COUNTERSIGN_TEAMS_APP_ID, or teams.appId in countersign.yaml.');
  if (!url || !URL.canParse(url) || new URL(url).protocol !== 'https:')
    throw new Trouble(
      'Teams needs the https address under which it reaches Countersign. Name it with --url https://countersign.example.com, COUNTERSIGN_TEAMS_URL, or api.publicUrl in countersign.yaml.',
    );
  const { origin, hostname } = new URL(url);
  return { APP_ID: appId.toLowerCase(), URL: origin, DOMAIN: hostname, DEVELOPER: developer.slice(0, 32) };
}

function fill(template, values) {
  const manifest = template.replace(/\{\{([A-Z_]+)\}\}/g, (_all, name) => JSON.stringify(values[name]).slice(1, -1));
  JSON.parse(manifest);
  return manifest;
}

/** The same input gives the same bytes. */
async function zip(manifest) {
  const { default: yazl } = await import('yazl');
  const archive = new yazl.ZipFile();
  const options = { mtime: new Date('2020-01-01T00:00:00Z'), mode: 0o100644 };
  archive.addBuffer(Buffer.from(manifest), 'manifest.json', options);
  for (const icon of ['color.png', 'outline.png']) archive.addBuffer(await readFile(path.join(root, 'teams-app', icon)), icon, options);
  archive.end();
  const parts = [];
  for await (const part of archive.outputStream) parts.push(part);
  return Buffer.concat(parts);
}
