import { ActivityFailure, ApplicationFailure, condition } from '@temporalio/workflow';
import type { PlanStage } from '../domain/plan.js';
import { assertNever, isErrorCode } from '../domain/errors.js';
import { boundPreview } from '../domain/outcome.js';
import type { ActionState } from './action-state.js';
import { Alarm } from './alarm.js';
import { approversOf, type Decisions } from './decisions.js';
import type { Notices } from './notices.js';
import { executor } from './proxies.js';
import { describe, publish } from './publish.js';

const noPreview = 'The executor could not say what would happen.';

// What operators read of a timer.
const dueWords = { ask: 'Find the people of:', remind: 'Remind:', escalate: 'Escalate:', expire: 'Expire:' } as const;

type Due = { readonly kind: 'ask' | 'remind' | 'escalate' | 'expire'; readonly atMs: number };

/** Asks people, stage by stage, until they have decided or the time is over. */
export async function review(state: ActionState, decisions: Decisions, notices: Notices): Promise<void> {
  // With the preview the verdict is told already, so nobody waits for the end of this task.
  let atOnce = (await showPreview(state)) && state.current.cardsAtOnce === true;
  while (state.status === 'pending') {
    await waitForStage(state, decisions, notices, atOnce);
    atOnce = false;
  }
}

async function waitForStage(state: ActionState, decisions: Decisions, notices: Notices, atOnce: boolean): Promise<void> {
  const stage = state.stage;
  if (stage === undefined) return;
  const startedAtMs = state.stageStartedAtMs;
  const { round, stageIndex } = state;
  const moved = () => state.status !== 'pending' || state.round !== round || state.stageIndex !== stageIndex;
  publish(state);
  notices.refresh();
  notices.announce('pending', stage.channels, atOnce);
  while (!moved()) {
    const due = nextDue(state, stage, startedAtMs);
    const alarm = new Alarm(due.atMs - Date.now(), `${dueWords[due.kind]} ${stage.name}`);
    await condition(() => alarm.rang || moved());
    if (moved()) return;
    await decisions.settled();
    if (moved()) return;
    await act(due, state, stage, notices, moved);
  }
}

async function act(due: Due, state: ActionState, stage: PlanStage, notices: Notices, moved: () => boolean): Promise<void> {
  switch (due.kind) {
    case 'remind':
      state.remindersSent += 1;
      state.tell(Date.now(), 'reminded', 'Those who have not answered were reminded.');
      notices.announce('reminder', stage.channels);
      describe(state);
      return;
    case 'escalate': {
      const step = stage.escalations[state.escalationLevel];
      state.escalationLevel += 1;
      const approvers = await approversOf(state, state.stageIndex, state.escalationLevel);
      // Somebody may have decided while the directory was asked: the people of a later stage must stay.
      if (moved()) return;
      // Without an answer those who were asked before may still decide, and are shown.
      if (state.askAgain !== undefined) return;
      state.ask(approvers);
      const who = step?.mode === 'replace' ? 'others decide instead' : 'more people may decide';
      state.tell(Date.now(), 'escalated', `Nobody had answered, so ${who}: ${state.undecided.map((person) => person.name).join(', ')}.`);
      notices.refresh();
      notices.announce('escalated', step?.channels ?? stage.channels);
      publish(state);
      return;
    }
    case 'ask': {
      const level = state.escalationLevel;
      const approvers = await approversOf(state, state.stageIndex, level);
      if (moved() || state.askAgain !== undefined) return;
      state.ask(approvers);
      state.tell(Date.now(), 'notified', `The directory answers again; may decide: ${state.undecided.map((person) => person.name).join(', ')}.`);
      notices.refresh();
      notices.announce(level === 0 ? 'pending' : 'escalated', stage.escalations[level - 1]?.channels ?? stage.channels);
      publish(state);
      return;
    }
    case 'expire':
      state.status = 'expired';
      state.tell(Date.now(), 'expired', `"${stage.name}" was not decided in time. Nobody rejected it.`);
      return;
    default:
      assertNever(due.kind);
  }
}

/** What has to be done next by time alone. Of two things due at once, escalation comes before a reminder. */
function nextDue(state: ActionState, stage: PlanStage, startedAtMs: number): Due {
  const expire: Due = { kind: 'expire', atMs: state.deadlineMs ?? startedAtMs + stage.expiresInMs };
  const escalation = stage.escalations[state.escalationLevel];
  const reminder = stage.remindAfterMs[state.remindersSent];
  const due: Due[] = [expire];
  if (reminder !== undefined) due.unshift({ kind: 'remind', atMs: startedAtMs + reminder });
  if (escalation !== undefined) due.unshift({ kind: 'escalate', atMs: startedAtMs + escalation.afterMs });
  if (state.askAgain !== undefined) due.unshift({ kind: 'ask', atMs: state.askAgain.atMs });
  return due.reduce((first, other) => (other.atMs < first.atMs ? other : first));
}

/** Asks the executor what would happen, within seconds; without an answer the people decide without it. Returns whether it was asked. */
async function showPreview(state: ActionState): Promise<boolean> {
  const { connector, signedPlan } = state.current;
  if (!connector.previews || connector.external !== undefined) return false;
  try {
    const look = executor({
      summary: 'Ask what would happen',
      scheduleToCloseTimeout: '20 seconds',
      startToCloseTimeout: '15 seconds',
      cancellationType: 'TRY_CANCEL',
      retry: { initialInterval: '1 second', maximumAttempts: 3 },
    });
    state.preview = boundPreview(await look.preview({ request: state.request, signedRequest: state.signedRequest, signedPlan }));
    if (state.preview === undefined) state.previewError = noPreview;
    else state.tell(Date.now(), 'previewed', 'The executor said what would happen.');
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    // Our own refusals say in a safe sentence what is wrong; anything else stays inside.
    const known = cause instanceof ApplicationFailure && isErrorCode(cause.type) && cause.nonRetryable;
    // Not a denial: whoever asked would learn from it what the target holds, before anybody approved.
    state.previewError = known ? `As it stands the executor would refuse it: ${cause.message}` : noPreview;
  }
  return true;
}
