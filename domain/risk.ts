import type { LocalTime } from './calendar.js';
import type { ResourceFacts } from './catalog.js';
import { matchesGlob } from './floor.js';
import type { Risk } from './plan.js';
import type { ActionRequest } from './request.js';
import { hasUnread, isWhole, leavesOrganisation, raisesPrivilege } from './risk/content.js';
import { isCopied, isFirstAction, isFirstResource, isUnusualRate, isUnusualSize, type HistoryInput, type PastRequest } from './risk/history.js';
import { asRead, hasHidden, isUrgent, persuades } from './risk/reason.js';
import { historySignals, signalPoints, type RiskRules, type SignalName } from './risk/rules.js';

/** What is looked at: the request, the moment, the resource, and the requester's recent history, newest first. */
export type RiskInput = {
  readonly request: ActionRequest;
  readonly local: LocalTime;
  readonly resource: ResourceFacts;
  readonly rules: RiskRules;
  /** Absent where there is none to look at; `unavailable` where there should be. */
  readonly history?: readonly PastRequest[] | 'unavailable';
  /** Signals of history that somebody else saw; any other name in it is passed over. */
  readonly stated?: readonly string[];
};

/** Each says what it saw, or undefined. */
const checks: { readonly [Name in SignalName]?: (input: RiskInput) => string | undefined } = {
  'reason-thin': ({ request }) => (request.reason.trim().length < 10 ? 'The stated reason is missing or very short.' : undefined),
  'reason-persuades': ({ request }) => persuades(asRead(request.reason)),
  'reason-urgent': ({ request }) => (isUrgent(asRead(request.reason)) ? 'The stated reason presses for time.' : undefined),
  'hidden-characters': ({ request: { reason, action, resource, parameters } }) =>
    hasHidden(reason) || hasHidden(JSON.stringify([action, resource, parameters])) ? 'The request holds characters that cannot be seen.' : undefined,
  'outside-hours': ({ local, rules: { workingHours } }) =>
    !workingHours.days.includes(local.weekday) || local.hour < workingHours.from || local.hour >= workingHours.to
      ? 'It was asked outside working hours.'
      : undefined,
  'on-behalf': ({ request }) => (request.onBehalfOf === undefined ? undefined : 'An agent acts on behalf of a person.'),
  production: ({ resource }) => (resource.production ? 'The resource belongs to production.' : undefined),
  irreversible: ({ request, rules }) => (isIrreversible(request, rules) ? 'It cannot be taken back.' : undefined),
  administrator: ({ request }) => (raisesPrivilege(request) ? 'Somebody would get the rights of an administrator.' : undefined),
  'outside-organisation': ({ request, rules }) =>
    leavesOrganisation(request, rules.organisation) ? 'A destination lies outside the organisation.' : undefined,
  'unread-parameters': ({ request }) => (hasUnread(request) ? 'The parameters hold more texts than are looked at.' : undefined),
  'whole-resource': ({ request, resource, rules }) => (!resource.personal && isWhole(request, rules) ? 'Nothing limits how much is asked for.' : undefined),
  'whole-personal-data': ({ request, resource, rules }) =>
    resource.personal && isWhole(request, rules) ? 'Nothing limits how much is asked for, and it may be personal data.' : undefined,
  'history-unavailable': ({ history }) => (history === 'unavailable' ? 'Earlier requests could not be looked at.' : undefined),
  'first-time-action': past(isFirstAction, 'This requester has not done this in the last 30 days.'),
  'first-time-resource': past(isFirstResource, 'This requester has not used this resource in the last 30 days.'),
  'unusual-rate': past(isUnusualRate, 'It asks more often than it usually does.'),
  'unusual-size': past(isUnusualSize, 'It asks for more than it usually does.'),
  'reason-copied': past(isCopied, 'The same reason was given for another request before.'),
};

/** Risk of a request from 0 to 100, as the sum of named signals capped at 100. Pure. */
export function assessRisk(input: RiskInput): Risk {
  const { rules, stated = [] } = input;
  const signals = (Object.keys(signalPoints) as SignalName[]).flatMap((name) => {
    const points = rules.weights[name] ?? signalPoints[name];
    if (points <= 0) return [];
    const detail = checks[name]?.(input) ?? (historySignals.has(name) && stated.includes(name) ? 'Stated by who made the plan.' : undefined);
    return detail === undefined ? [] : [{ name, points, detail }];
  });
  return {
    score: Math.min(
      100,
      signals.reduce((sum, signal) => sum + signal.points, 0),
    ),
    signals,
  };
}

function past(check: (input: HistoryInput) => boolean, detail: string): (input: RiskInput) => string | undefined {
  return ({ request, rules, history }) =>
    Array.isArray(history) && check({ request, rules, history: history as readonly PastRequest[] }) ? detail : undefined;
}

function isIrreversible({ action, parameters }: ActionRequest, rules: RiskRules): boolean {
  return rules.irreversible.some((glob) => matchesGlob(glob, action)) || parameters['method'] === 'DELETE';
}
