/**
 * Every error code Countersign answers with, with the HTTP status it has on the wire.
 * `docs/errors.md` is generated from this table; a code, once published, keeps its meaning.
 */
export const errorCodes = {
  'token-missing': { status: 401, title: 'No access token', remedy: 'Send Authorization: Bearer <token> from a configured issuer.' },
  'token-invalid': { status: 401, title: 'The access token was not accepted', remedy: 'Check issuer, audience, signature and required claims of the token.' },
  'token-expired': { status: 401, title: 'The access token has expired', remedy: 'Get a new token and repeat the request.' },
  'dpop-proof-invalid': {
    status: 401,
    title: 'The proof of possession was not accepted',
    remedy: 'Send a new DPoP proof (RFC 9449) by the key of the token: for this method, this address, this token and this moment.',
  },
  'dpop-nonce-required': {
    status: 401,
    title: 'The proof of possession lacks a nonce',
    remedy: 'Repeat the request with the nonce of the header DPoP-Nonce in a new proof.',
  },
  'principal-unknown': { status: 403, title: 'The caller is not known to the directory', remedy: 'Ask an operator to add this subject to the directory.' },
  'not-permitted': { status: 403, title: 'The caller may not do this', remedy: 'Use an identity that is entitled to it.' },
  'not-found': { status: 404, title: 'There is no such thing here', remedy: 'Check the id; it may also be one that you may not see.' },
  'request-malformed': { status: 400, title: 'The request could not be read', remedy: 'Send JSON that matches the schema in /openapi.json.' },
  'request-too-large': { status: 413, title: 'The request is too large', remedy: 'Send less; the limits are in /docs.' },
  'request-too-deep': { status: 400, title: 'The body is nested too deeply or holds too much', remedy: 'Flatten the body; the limits are in /docs.' },
  'media-type-unsupported': { status: 415, title: 'The body has an unsupported media type', remedy: 'Send Content-Type: application/json.' },
  'idempotency-key-missing': {
    status: 400,
    title: 'Idempotency-Key is missing or malformed',
    remedy: 'Send Idempotency-Key: 1 to 128 visible ASCII characters, new for each action.',
  },
  'idempotency-conflict': { status: 409, title: 'This Idempotency-Key was used with another body', remedy: 'Use a new key for a new action.' },
  'action-unknown': { status: 422, title: 'No connector offers this action', remedy: 'See GET /v1/connectors for the actions there are.' },
  'parameters-invalid': { status: 422, title: 'The parameters do not fit the connector', remedy: "Compare them with the connector's JSON Schema." },
  'parameters-too-long': {
    status: 422,
    title: 'The parameters are too long to be shown to people in full',
    remedy: 'Ask for less at once: nobody may approve what they cannot see.',
  },
  'duration-unsupported': { status: 422, title: 'This action cannot be time-boxed', remedy: 'Leave out duration; nothing is taken back by itself yet.' },
  'denied-by-policy': { status: 403, title: 'Policy denies this action', remedy: 'Do not retry; ask the policy owners if this should be possible.' },
  'action-rejected': {
    status: 403,
    title: 'An approver rejected this action',
    remedy: 'Do not retry; the comment of the approver may say what would be acceptable.',
  },
  'action-expired': { status: 403, title: 'Nobody decided this action in time', remedy: 'Submit it again under a new Idempotency-Key if it is still needed.' },
  'action-cancelled': { status: 403, title: 'This action was cancelled', remedy: 'Submit it again under a new Idempotency-Key if it is still needed.' },
  'issuer-unavailable': { status: 503, title: 'The identity provider cannot be reached', remedy: 'Nothing was changed; try again in a moment.' },
  'rate-limited': { status: 429, title: 'Too many requests', remedy: 'Wait for the time in Retry-After.' },
  'too-many-pending': { status: 429, title: 'Too many actions of this subject are waiting for people', remedy: 'Wait until some are decided, or cancel them.' },
  'decision-on-final': { status: 409, title: 'The action is already final', remedy: 'Nothing was changed. Reload to see how it ended.' },
  'decision-digest-mismatch': {
    status: 409,
    title: 'The decision names another digest than the action has now',
    remedy: 'Reload the action and decide on what it says now.',
  },
  'decision-invalid': { status: 400, title: 'The decision could not be verified', remedy: 'Decide again through the inbox, Teams or the API.' },
  'decision-expired': { status: 409, title: 'The decision came after the deadline', remedy: 'Ask the requester to submit the action again.' },
  'decision-replayed': { status: 409, title: 'This decision was used before', remedy: 'Nothing was changed; a decision counts once.' },
  'decided-already': { status: 409, title: 'This person has already decided on this action', remedy: 'One human counts once; somebody else has to decide.' },
  'approver-not-eligible': {
    status: 403,
    title: 'This person is not an approver of this action now',
    remedy: 'The card lists who can decide; in the API it is `stage.approvers` of the action.',
  },
  'approver-is-requester': {
    status: 403,
    title: 'Nobody approves their own action',
    remedy: 'Somebody who is neither requester, owner nor beneficiary has to decide.',
  },
  'approval-circle': {
    status: 403,
    title: "These two people would approve each other's actions",
    remedy: 'Somebody else has to decide whose actions nobody behind this one has approved lately.',
  },
  'approver-not-human': { status: 403, title: 'Agents and workloads cannot decide', remedy: 'A person has to sign in and decide.' },
  'assurance-too-low': { status: 403, title: 'This action needs a stronger sign-in', remedy: 'Open the action in the inbox and sign in as it asks.' },
  'cancel-not-permitted': { status: 403, title: 'Only the requester or its owner may cancel', remedy: 'Ask them, or reject the action as an approver.' },
  'directory-unavailable': { status: 503, title: 'The directory cannot be reached', remedy: 'Nothing was changed; try again in a moment.' },
  'temporal-unavailable': {
    status: 503,
    title: 'The workflow engine cannot be reached',
    remedy: 'Nothing is lost; repeat the request with the same Idempotency-Key.',
  },
  'encryption-key-unknown': {
    status: 503,
    title: 'The workflow engine holds data under an encryption key that this process does not have',
    remedy: 'Operators must give every process the same encryption.keys, also those that no longer write.',
  },
  'payload-unreadable': {
    status: 500,
    title: 'Data from the workflow engine was not written by Countersign for this action',
    remedy: 'Nothing of it is used. Operators should find out who writes to the engine; see docs/operations.md.',
  },
  'payload-too-large': { status: 413, title: 'A value is larger than the workflow engine can hold', remedy: 'Ask for less at once.' },
  'view-forged': {
    status: 502,
    title: 'The engine tells of this action what nobody signed',
    remedy: 'Nothing was shown, sent or signed. Operators must find out who writes to the engine.',
  },
  'policy-error': {
    status: 403,
    title: 'The policy could not be evaluated, so the action is denied',
    remedy: 'Operators find the reason in the action and in the log.',
  },
  'policy-no-match': { status: 403, title: 'No policy permits this action', remedy: 'Ask the policy owners if this should be possible.' },
  'request-unsigned': {
    status: 403,
    title: 'The action was not submitted through the api',
    remedy: 'Submit it with POST /v1/actions; operators should find out who started it in the engine.',
  },
  'route-unsatisfiable': {
    status: 403,
    title: 'Nobody may approve this action, so it is denied',
    remedy: 'Operators must fix the route or the groups it names.',
  },
  'evidence-unavailable': {
    status: 503,
    title: 'The action could not be recorded, so it does not run',
    remedy: 'Operators must bring the evidence store back.',
  },
  'grant-invalid': { status: 403, title: 'The executor did not accept the grant', remedy: 'Operators find the failed check in the action; nothing was run.' },
  'grant-consumed': { status: 409, title: 'The grant was used before', remedy: 'Nothing was run again; submit a new action.' },
  'grants-unavailable': {
    status: 503,
    title: 'The store of consumed grants does not answer',
    remedy: 'Operators must bring the database of the executor back; until then nothing is executed, and what began is looked up when it answers.',
  },
  'grant-expired': { status: 403, title: 'The grant expired before execution', remedy: 'Submit the action again.' },
  'plan-below-policy': {
    status: 403,
    title: 'The plan asks for less than the policy at the executor',
    remedy: 'Submit the action again; if it stays so, operators bring worker and executor to the same policy, or look for a stolen policy key.',
  },
  'below-floor': {
    status: 403,
    title: 'Fewer people approved than the operator of the executor demands',
    remedy: 'Ask the policy owners for a route that meets the floor of the executor; nothing was run.',
  },
  'policy-unavailable': {
    status: 503,
    title: 'The executor has no signed policy in force',
    remedy: 'Operators must give the executor a bundle that the authors of policy have signed; nothing was run.',
  },
  'receipt-missing': {
    status: 500,
    title: 'The executor did not vouch for the success that was reported',
    remedy: 'Look at the target and in the store of the executor; somebody may have reported a false end to the engine.',
  },
  'receipt-invalid': {
    status: 500,
    title: "The executor's receipt does not fit what was reported",
    remedy: 'Look at the target and in the store of the executor; somebody may have reported a false end to the engine.',
  },
  'connector-mismatch': { status: 403, title: 'The connector has changed since the request was made', remedy: 'Submit the action again.' },
  'target-unknown': { status: 422, title: 'The executor has no such target', remedy: "Use a target of the executor's configuration." },
  'target-unavailable': { status: 503, title: 'The target could not be reached', remedy: 'Bring the target back and submit the action again.' },
  'target-refused': { status: 422, title: 'The target refused the action', remedy: 'See the message of the target in the action.' },
  'execution-unclear': {
    status: 500,
    title: 'It is unclear whether the action took effect',
    remedy: 'A person must check at the target; it is not run again.',
  },
  'execution-cancelled': { status: 409, title: 'The execution was cancelled', remedy: 'See the action for what the target had done until then.' },
  'csrf-invalid': { status: 403, title: 'The form did not come from this page', remedy: 'Reload the page and try again.' },
  'session-missing': { status: 401, title: 'Nobody is signed in', remedy: 'Sign in and try again.' },
  'channel-unavailable': { status: 503, title: 'The channel could not deliver', remedy: 'The action can be decided in the inbox or by API meanwhile.' },
  'config-invalid': { status: 500, title: 'The configuration is not valid', remedy: 'Mend the named line of the configuration.' },
  'internal-error': {
    status: 500,
    title: 'Something failed inside Countersign',
    remedy: 'Nothing was executed by this request. Operators find the cause under the given id.',
  },
} as const satisfies Record<string, { status: number; title: string; remedy: string }>;

/** A stable, published error code. */
export type ErrorCode = keyof typeof errorCodes;

/** An error with a stable code. `detail` is one sentence for people and never holds a secret or a raw parameter. */
export class CountersignError extends Error {
  override readonly name = 'CountersignError';
  constructor(
    readonly code: ErrorCode,
    readonly detail: string = errorCodes[code].title,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }
}

/** Narrows an unknown string to an error code. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCodes, value);
}

/** Requires that every member of a union was handled; throws if data from outside the types got here. */
export function assertNever(value: never): never {
  throw new TypeError(`unhandled case: ${JSON.stringify(value)}`);
}
