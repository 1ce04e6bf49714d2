import { performance } from 'node:perf_hooks';

const coloured = process.env.NO_COLOR === undefined && (process.stdout.isTTY === true || process.env.FORCE_COLOR !== undefined);
const paint = (code) => (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');
export const yellow = paint('33');
export const cyan = paint('36');
/** One colour a process, so that interleaved lines can be told apart. */
export const palette = [paint('36'), paint('35'), paint('34'), paint('33'), paint('32'), paint('95')];

/** An error whose message is the whole story for the person at the terminal; no stack is shown. */
export class Trouble extends Error {
  name = 'Trouble';
}

/** Seconds since `from`, for people. */
export function elapsed(from) {
  const seconds = (performance.now() - from) / 1000;
  return seconds < 10
    ? `${seconds.toFixed(1)} s`
    : seconds < 100
      ? `${Math.round(seconds)} s`
      : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * Runs one step and prints how it went. `run` gets `progress(text)` and may return a short note.
 * A step that takes long says every ten seconds that it goes on.
 */
export async function step(title, run, write = (line) => console.log(line)) {
  const from = performance.now();
  let last = '';
  const beat = setInterval(() => write(dim(`  … ${title}, ${elapsed(from)}${last === '' ? '' : `: ${last}`}`)), 10_000);
  try {
    const note = await run((text) => {
      last = text.slice(0, 120);
    });
    write(`${green('✓')} ${title}${typeof note === 'string' && note !== '' ? dim(` (${note})`) : ''} ${dim(elapsed(from))}`);
  } catch (error) {
    write(`${red('✗')} ${title} ${dim(elapsed(from))}`);
    throw error;
  } finally {
    clearInterval(beat);
  }
}

/** A framed block of lines. */
export function box(lines) {
  const width = (line) => line.replace(/\u001b\[\d+m/g, '').length;
  const inner = Math.max(...lines.map(width));
  return [`┌${'─'.repeat(inner + 2)}┐`, ...lines.map((line) => `│ ${line}${' '.repeat(inner - width(line))} │`), `└${'─'.repeat(inner + 2)}┘`].join('\n');
}

/** Prints what went wrong and sets the exit code. */
export function report(error) {
  console.error(error instanceof Trouble ? `\n${red(error.message)}` : error);
  process.exitCode = 1;
}

/** Throws if this Node is too old. Keep its own syntax plain, since it runs first. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Trouble(
      `Countersign needs Node.js 20.19 or newer; this is ${process.version} (${process.execPath}). Install Node 20 or 24 and run the command again.`,
    );
  }
}
