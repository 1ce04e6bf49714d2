import { visible } from '../../domain/cards/untrusted.js';
import { isFinal, type ActionStatus, type ActionView } from '../../domain/view.js';
import type { ActionRow, Actions, Viewer } from '../actions.js';
import { viewOf } from '../temporal/authorise.js';

/** What a list says of an action beyond its row. Holds text that is made visible, not escaped. */
export type Brief = {
  readonly status: ActionStatus;
  readonly title: string;
  readonly reason: { readonly text: string; readonly cut: boolean; readonly whose: 'agent' | 'person' };
  readonly size?: { readonly label: string; readonly value: string };
  readonly stage?: {
    readonly number: number;
    readonly count: number;
    readonly name: string;
    readonly approvals: number;
    readonly quorum: number;
    readonly escalated: boolean;
  };
  readonly deadlineAt?: string;
  readonly endedAt?: string;
  /** What the row says too, here from what was signed: a list itself is the engine's word. */
  readonly row: Pick<ActionRow, 'action' | 'resource' | 'requester' | 'risk'>;
  readonly requesterName: string;
};

const maxReason = 160;
const maxKept = 5_000;
// A list is worth more than its last detail: a row whose action does not answer in time is shown without it.
const patienceMs = 3_000;

/** The brief of a view that was made for its viewer. */
export function briefOf(view: ActionView): Brief {
  const { stage } = view;
  const size = sizeOf(view);
  return {
    status: view.status,
    title: view.title,
    reason: { ...shortened(view.reason), whose: view.requester.kind },
    ...(size === undefined ? {} : { size }),
    ...(stage === undefined
      ? {}
      : {
          stage: {
            number: stage.index + 1,
            count: stage.count,
            name: stage.name,
            approvals: stage.approvals.length,
            quorum: stage.quorum,
            escalated: stage.escalationLevel > 0,
          },
        }),
    ...(view.deadlineAt === undefined ? {} : { deadlineAt: view.deadlineAt }),
    ...(view.endedAt === undefined ? {} : { endedAt: view.endedAt }),
    row: { action: view.action, resource: `${view.resource.type}:${view.resource.id}`, requester: view.requester.id, risk: view.risk.score },
    requesterName: view.requester.name,
  };
}

/** How much it touches, as far as anybody has said: what came of it, what the preview expects, or the limit that was asked for. */
function sizeOf(view: ActionView): Brief['size'] {
  const rows = (facts: readonly { readonly label: string; readonly value: string }[]) => facts.find(({ label }) => label === 'Rows');
  const outcome = view.outcome?.status === 'succeeded' ? rows(view.outcome.facts) : undefined;
  const limit = view.fields.find(({ path, masked }) => path === 'limit' && !masked);
  const fact = outcome ?? rows(view.preview?.facts ?? []) ?? limit;
  return fact === undefined ? undefined : { label: fact.label, value: visible(fact.value, { max: 120 }).text };
}

function shortened(reason: string): { readonly text: string; readonly cut: boolean } {
  const whole = visible(reason, { max: maxReason });
  if (whole.omitted === 0) return { text: whole.text, cut: false };
  // The mark of a card says to open the inbox, where the reader is already.
  return { text: `${whole.text.slice(0, whole.text.lastIndexOf(' ⟦…')).trimEnd()} …`, cut: true };
}

/** Finds the brief of a row for one viewer; `undefined` where the action cannot be read now. */
export type Briefs = (row: ActionRow, viewer: Viewer) => Promise<Brief | undefined>;

/** Briefs over `Actions.view`. What is final is remembered, since it never changes. */
export function createBriefs(actions: Actions): Briefs {
  const kept = new Map<string, Brief>();
  return async (row, viewer) => {
    // By viewer, because not everybody sees the same of an action. The row itself was authorised by the list it stands in.
    const key = JSON.stringify([viewer.principal.kind, viewer.principal.id, viewer.operator, row.id]);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const brief = await within(patienceMs, async () => briefOf(viewOf(await actions.view(row.id, viewer), viewer)));
    if (brief !== undefined && isFinal(brief.status)) {
      const [oldest] = kept.keys();
      if (kept.size >= maxKept && oldest !== undefined) kept.delete(oldest);
      kept.set(key, brief);
    }
    return brief;
  };
}

async function within<T>(ms: number, work: () => Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work().catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
