import type { FastifyBaseLogger } from 'fastify';
import type { Directory, DirectoryPerson } from '../../directory/port.js';
import { buildCard, type AdaptiveCard, type CardOptions } from '../../domain/cards/adaptive-card.js';
import { CountersignError, errorCodes, type ErrorCode } from '../../domain/errors.js';
import type { Principal } from '../../domain/principal.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import type { Actions } from '../actions.js';
import { maySee, viewOf } from '../temporal/authorise.js';
import type { Activity, Click } from './activity.js';

/** What the person who clicked sees. Nobody else sees it. */
export type ClickReply = { readonly kind: 'card'; readonly card: AdaptiveCard } | { readonly kind: 'message'; readonly text: string };

export type ClickDeps = {
  readonly actions: Actions;
  readonly directory: Directory;
  readonly tenantId: string;
  readonly publicUrl: string;
  readonly log: FastifyBaseLogger;
  /** Teams gives up after about ten seconds; then the card, not the answer, tells how it went. */
  readonly answerWithinMs?: number;
};

/**
 * Answers one click or refresh. A decision is made only by a manual approve or reject of a person whom the directory
 * knows by tenant and object id; everything that goes wrong becomes a message for that person.
 */
export function createClicks(deps: ClickDeps): (activity: Activity, click: Click) => Promise<ClickReply> {
  const { log, answerWithinMs = 9_000 } = deps;
  return async (activity, click) => {
    try {
      return await within(answerWithinMs, answer(deps, activity, click));
    } catch (error) {
      if (error instanceof CountersignError) {
        log.info({ code: error.code, action: click.action.data.actionId }, 'teams click refused');
        return refusal(error.code, error.code === 'not-found' ? notYours : error.detail);
      }
      log.error({ err: error, action: click.action.data.actionId }, 'teams click failed');
      return { kind: 'message', text: 'Something failed inside Countersign. Open the action in the inbox to see what counts.' };
    }
  };
}

// The same for what is not there, what was never theirs and what has passed to others.
const notYours = 'There is nothing here that waits for you, or not any more.';

async function answer(deps: ClickDeps, activity: Activity, click: Click): Promise<ClickReply> {
  const { actions, publicUrl } = deps;
  const { data, verb } = click.action;
  const person = await personOf(deps, activity);
  const viewer = { principal: principalOf(person, deps.tenantId, activity), operator: false };

  // An automatic refresh never decides, whatever verb it carries.
  if (verb === 'refresh' || click.trigger === 'automatic') return card(viewOf(await actions.view(data.actionId, viewer), viewer), { publicUrl });

  let planDigest: string | undefined;
  if (verb === 'approve') {
    const shown = await ifVisible(actions.view(data.actionId, viewer));
    if (shown?.digest === data.digest) planDigest = shown.planDigest;
    // The button is not on such a card; an invoke that claims it was is refused here.
    if (shown !== undefined && shown.status === 'pending' && shown.digest === data.digest && !buildCard(shown, { publicUrl }).approvable) {
      throw new CountersignError('assurance-too-low', 'This action cannot be approved on a card. Open it in the inbox.');
    }
  }
  const comment = data.comment?.trim();
  const deciding = actions.decide({
    actionId: data.actionId,
    person,
    channel: 'teams',
    assurance: 'chat',
    verdict: verb,
    digest: data.digest,
    ...(planDigest === undefined ? {} : { planDigest }),
    ...(comment === undefined || comment === '' ? {} : { comment }),
  });
  const reply = await deciding.catch(async (error: unknown) => {
    // An error tells as much as a refusal.
    await actions.view(data.actionId, viewer);
    throw error;
  });
  // Whoever may not see it learns not even that it is there; the workflow recorded the attempt.
  if (!maySee(reply.view, viewer)) throw new CountersignError('not-found');
  const view = viewOf(reply.view, viewer);
  if (reply.accepted) return card(view, { publicUrl });
  deps.log.info({ code: reply.code, action: data.actionId, person: person.id }, 'teams decision refused');
  // The card was out of date; what is true now replaces it, with the reason on top.
  if (reply.code === 'decision-digest-mismatch' || isFinal(view.status)) {
    return card(view, { publicUrl, notice: { kind: 'refused', text: `Your click changed nothing: ${sentence(reply.code, reply.detail)}` } });
  }
  return refusal(reply.code, reply.detail);
}

async function personOf({ directory, tenantId }: ClickDeps, activity: Activity): Promise<DirectoryPerson> {
  const { from } = activity;
  if (from.role === 'bot' || from.role === 'skill' || from.id.startsWith('28:') || from.aadObjectId === undefined)
    throw new CountersignError('approver-not-human');
  const person = await directory.personByTeams(tenantId, from.aadObjectId.toLowerCase());
  if (person?.active !== true) throw new CountersignError('principal-unknown', 'Countersign does not know you, or your account is not active.');
  return person;
}

function principalOf(person: DirectoryPerson, tenantId: string, activity: Activity): Principal {
  const subject = (activity.from.aadObjectId ?? '').toLowerCase();
  return { kind: 'person', id: person.id, name: person.name, issuer: `https://login.microsoftonline.com/${tenantId}/v2.0`, subject };
}

// Somebody who may not look may still try to decide: the workflow refuses and records it.
async function ifVisible(view: Promise<ActionView>): Promise<ActionView | undefined> {
  try {
    return await view;
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'not-found') return undefined;
    throw error;
  }
}

function card(view: ActionView, options: CardOptions): ClickReply {
  return { kind: 'card', card: buildCard(view, options).card };
}

function refusal(code: ErrorCode, detail: string): ClickReply {
  return { kind: 'message', text: `Nothing was changed. ${sentence(code, detail)} (${code})` };
}

function sentence(code: ErrorCode, detail: string): string {
  const { title, remedy } = errorCodes[code];
  const said = detail === '' ? title : detail;
  return `${/[.!?]$/.test(said) ? said : `${said}.`} ${remedy}`;
}

async function within(ms: number, reply: Promise<ClickReply>): Promise<ClickReply> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ClickReply>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'message', text: 'No answer yet. The card will show what counts; do not click again.' }), ms);
  });
  // A failure after the answer went out must not end the process.
  reply.catch(() => undefined);
  return Promise.race([reply, late]).finally(() => clearTimeout(timer));
}
