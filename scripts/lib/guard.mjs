// Runs a program that knows nothing of the supervisor, such as the Temporal server, and ends with it:
// `node guard.mjs <program> [arguments]`. Ends as the program ends.
import { spawn } from 'node:child_process';

const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
child.once('error', (error) => {
  console.error(`${program} could not be started: ${error.message}`);
  process.exit(127);
});
if (child.pid !== undefined) process.send?.({ kind: 'pid', pid: child.pid });

let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 6_000).unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('disconnect', stop);
process.on('exit', () => child.kill('SIGKILL'));
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : stopping ? 0 : 1)));
