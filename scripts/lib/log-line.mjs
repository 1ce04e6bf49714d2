import { bold, dim, red, yellow } from './term.mjs';

const hidden = new Set([
  'level',
  'time',
  'ts',
  'pid',
  'hostname',
  'name',
  'msg',
  'message',
  'ready',
  'v',
  'req',
  'res',
  'logging-call-at',
  'stack',
  'err',
  'error',
]);
const words = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** Reads one line of a process's output. A line that is no JSON object is text at level info. */
export function parseLine(line) {
  if (line.startsWith('{')) {
    try {
      const data = JSON.parse(line);
      return { data, level: levelOf(data.level), text: String(data.msg ?? data.message ?? '') };
    } catch {
      // Not JSON after all.
    }
  }
  return { data: undefined, level: 30, text: line };
}

/** One short line for people, or undefined for what only a log file needs, such as each request and each page that an operator had decrypted. */
export function prettyLine({ data, level, text }) {
  // Node's own notices, such as deprecations of a library, are in the log file.
  if (data === undefined) return /^\(node:\d+\)|^\(Use `node /.test(text) ? undefined : text;
  if (level < 30 || (level === 30 && (data.req ?? data.res ?? data.route ?? data.audit) !== undefined)) return undefined;
  const cause = data.err ?? data.error;
  const why = typeof cause === 'object' && cause !== null ? (cause.message ?? '') : (cause ?? '');
  const rest = Object.entries(data)
    .filter(([name, value]) => !hidden.has(name) && value !== null && typeof value !== 'object' && value !== '')
    .map(([name, value]) => `${name}=${String(value).slice(0, 80)}`)
    .join(' ');
  const head = level >= 50 ? red(bold(words[level] ?? 'error')) + ' ' : level >= 40 ? `${yellow('warn')} ` : '';
  const said = text === '' && data.ready === true ? 'ready' : text;
  return `${head}${said}${why !== '' && !text.includes(why) ? `: ${String(why).split('\n')[0].slice(0, 300)}` : ''}${rest === '' ? '' : ` ${dim(rest)}`}`;
}

function levelOf(level) {
  if (typeof level === 'number') return level;
  const word = String(level ?? 'info').toLowerCase();
  return Number(Object.keys(words).find((number) => words[number] === word) ?? 30);
}
