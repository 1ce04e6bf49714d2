import { Client, Connection, isGrpcServiceError, ServiceError, WorkflowClient, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { loadDataConverter } from '../../codec/data-converter.js';
import type { LoadedConfig } from '../../config/load.js';
import { temporalConnection } from '../../config/temporal.js';
import { CountersignError } from '../../domain/errors.js';

/** The clients through which the api reaches Temporal. */
export type TemporalAccess = {
  readonly connection: Connection;
  readonly namespace: string;
  readonly client: Client;
  /** Refuses to read a workflow that was terminated, timed out or failed, so that such a one is never taken for pending. */
  readonly reader: WorkflowClient;
};

/** How long each kind of call may take. A verdict includes policy, preview and evidence. */
export const deadlinesMs = { submit: 15_000, query: 5_000, decide: 20_000, visibility: 5_000, ping: 2_000, history: 60_000 } as const;

/** Clients on one connection. */
export function temporalAccess(connection: Connection, namespace: string, dataConverter?: DataConverter): TemporalAccess {
  const options = { connection, namespace, ...(dataConverter === undefined ? {} : { dataConverter }) };
  return { connection, namespace, client: new Client(options), reader: new WorkflowClient({ ...options, queryRejectCondition: 'NOT_COMPLETED_CLEANLY' }) };
}

/** Opens the configured connection lazily, so that the api starts, and says so on /readyz, while Temporal is down. */
export function openTemporal(config: LoadedConfig): TemporalAccess {
  const connection = Connection.lazy({ ...temporalConnection(config), connectTimeout: '5s' });
  return temporalAccess(connection, config.temporal.namespace, loadDataConverter(config, 'refuse'));
}

/**
 * Makes calls to Temporal with a deadline, and until `signal` aborts. A call must be safe to repeat.
 * Throws `temporal-unavailable` when it does not answer in time; other errors pass.
 */
export async function callTemporal<T>(connection: Connection, deadlineMs: number, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  const bounded = () => connection.withDeadline(deadline, call);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await (signal === undefined ? bounded() : connection.withAbortSignal(signal, bounded));
    } catch (error) {
      // An update that meets a workflow in the very moment in which it closes fails like this; asking again finds it closed.
      if (grpcCode(error) === failedPrecondition && attempt < preconditionAttempts && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50 * attempt));
        continue;
      }
      if (isUnavailable(error)) throw new CountersignError('temporal-unavailable', undefined, { cause: error });
      throw error;
    }
  }
}

const failedPrecondition = 9;
const preconditionAttempts = 4;

// gRPC: CANCELLED, DEADLINE_EXCEEDED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, UNAVAILABLE,
// UNAUTHENTICATED. None of them is the caller's fault, and all of them left the action as it was.
const unavailableCodes = new Set([1, 4, 7, 8, 9, 10, 14, 16]);

function isUnavailable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const code = grpcCode(error);
  if (code !== undefined) return unavailableCodes.has(code);
  // The lazy connection gives up with an error of its own.
  return error instanceof Error && /failed to connect/i.test(error.message);
}

function grpcCode(error: unknown): number | undefined {
  const grpc = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(grpc) ? grpc.code : undefined;
}
