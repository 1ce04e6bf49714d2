import type { PlanStage } from '../domain/plan.js';
import { assurances, assuranceSuffices, type Assurance } from '../domain/principal.js';
import { spanMs } from './routes.js';

/** What a permit asks for beside its route. The strictest of all that match counts. */
export type Obligations = {
  /** At least this assurance in every stage. */
  readonly assurance?: Assurance;
  /** Parameters whose values approvers do not see, although the connector would show them. */
  readonly mask?: readonly string[];
  /** No stage waits longer. */
  readonly expiresInMs?: number;
  /** The executor wants at least this many people, whatever the routes come to. */
  readonly executorFloor?: number;
};

/** The annotations that are obligations. */
export const obligationNames = ['assurance', 'mask', 'expires', 'executor_floor'] as const;

const field = /^[A-Za-z_][A-Za-z0-9_.-]{0,119}$/;

/** Reads one annotation. Returns what is wrong with it as a text. */
export function parseObligation(name: (typeof obligationNames)[number], value: string): Obligations | string {
  switch (name) {
    case 'assurance': {
      const found = assurances.find((one) => one === value);
      return found === undefined ? `@assurance takes one of: ${assurances.join(', ')}` : { assurance: found };
    }
    case 'mask': {
      const mask = value.split(',').map((one) => one.trim());
      return mask.every((one) => field.test(one)) ? { mask } : '@mask takes names of parameters with commas in between';
    }
    case 'expires':
      return /^[1-9][0-9]{0,5}[smhd]$/.test(value) ? { expiresInMs: spanMs(value) } : '@expires takes a length of time such as 30m';
    case 'executor_floor': {
      const floor = /^[0-9]{1,2}$/.test(value) ? Number(value) : 0;
      return floor >= 1 && floor <= 20 ? { executorFloor: floor } : '@executor_floor takes a number of people from 1 to 20';
    }
  }
}

/** The strictest of several, member by member. */
export function strictest(all: readonly Obligations[]): Obligations {
  return all.reduce<Obligations>((sum, one) => {
    const assurance = [sum.assurance, one.assurance].filter((each) => each !== undefined).reduce<Assurance | undefined>(stronger, undefined);
    const mask = [...new Set([...(sum.mask ?? []), ...(one.mask ?? [])])].sort();
    const expiresInMs = Math.min(sum.expiresInMs ?? Infinity, one.expiresInMs ?? Infinity);
    const executorFloor = Math.max(sum.executorFloor ?? 0, one.executorFloor ?? 0);
    return {
      ...(assurance === undefined ? {} : { assurance }),
      ...(mask.length === 0 ? {} : { mask }),
      ...(expiresInMs === Infinity ? {} : { expiresInMs }),
      ...(executorFloor === 0 ? {} : { executorFloor }),
    };
  }, {});
}

/** A stage as obligations leave it: reminders and escalations that would come after its end are gone. */
export function obliged(stage: PlanStage, { assurance, expiresInMs = Infinity }: Obligations): PlanStage {
  const ends = Math.min(stage.expiresInMs, expiresInMs);
  return {
    ...stage,
    assurance: stronger(stage.assurance, assurance ?? stage.assurance),
    expiresInMs: ends,
    remindAfterMs: stage.remindAfterMs.filter((afterMs) => afterMs < ends),
    escalations: stage.escalations.filter(({ afterMs }) => afterMs < ends),
  };
}

function stronger(one: Assurance | undefined, other: Assurance): Assurance {
  return one !== undefined && assuranceSuffices(one, other) ? one : other;
}
