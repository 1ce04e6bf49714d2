import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configOf } from '../../../cli/config.js';

const example = path.resolve('deploy/countersign.example.yaml');

describe('the configuration of a command', () => {
  const before = process.cwd();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-cli-'));
    process.chdir(folder);
    vi.stubEnv('COUNTERSIGN_CONFIG', '');
  });
  afterEach(() => {
    process.chdir(before);
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  const place = (file: string) => {
    mkdirSync(path.dirname(file), { recursive: true });
    cpSync(example, file);
    return path.resolve(file);
  };

  it('is the named one before all others, then that of the environment, countersign.yaml, and what npm start wrote', () => {
    const started = place('.countersign/countersign.yaml');
    expect(configOf().file).toBe(started);
    const here = place('countersign.yaml');
    expect(configOf().file).toBe(here);
    const other = place('other.yaml');
    vi.stubEnv('COUNTERSIGN_CONFIG', 'other.yaml');
    expect(configOf().file).toBe(other);
    expect(configOf('countersign.yaml').file).toBe(here);
  });

  it('says what to do when there is none', () => {
    expect(() => configOf()).toThrow(/countersign\.yaml cannot be read; name the configuration with COUNTERSIGN_CONFIG, or for a try run "npm start"/);
  });
});
