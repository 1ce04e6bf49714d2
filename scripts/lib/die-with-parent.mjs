// Loaded into every process of the system with --import. The channel to the supervisor closes when the
// supervisor is gone, however it went, SIGKILL included; without it nobody would stop this process.
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.channel) {
  process.once('disconnect', () => {
    // The process's own handler gets its chance to shut down in order; then it is over in any case.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5_000).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  process.channel.unref();
}
