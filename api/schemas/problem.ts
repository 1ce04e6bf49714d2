import { Type, type Static } from 'typebox';
import { errorCodes, type ErrorCode } from '../../domain/errors.js';
import { Action, type WireAction } from './action.js';

/** An error on the wire: RFC 9457 with our stable code and the remedy. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Address of a page about the code' }),
    code: Type.Enum(Object.keys(errorCodes) as [string, ...string[]], { description: 'Stable; see docs/errors.md' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    remedy: Type.String(),
    instance: Type.String({ description: 'Id of this request, to be found in the log' }),
    action: Type.Optional(Type.Unsafe<WireAction>({ $ref: 'Action#' })),
  },
  { $id: 'Problem', additionalProperties: false },
);
export type Problem = Omit<Static<typeof Problem>, 'code' | 'action'> & { readonly code: ErrorCode; readonly action?: WireAction };

/** Schemas that others refer to, registered once so that they are components of the OpenAPI document. */
export const sharedSchemas = [Action, Problem] as const;

/** The problem that a code stands for. */
export function problem(
  code: ErrorCode,
  detail: string,
  context: { readonly publicUrl: string; readonly requestId: string; readonly action?: WireAction },
): Problem {
  const { status, title, remedy } = errorCodes[code];
  return {
    type: `${context.publicUrl}/errors/${code}`,
    code,
    title,
    status,
    detail,
    remedy,
    instance: `urn:uuid:${context.requestId}`,
    ...(context.action === undefined ? {} : { action: context.action }),
  };
}

const answer = (description: string) => ({ description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } });

/** Responses that every authenticated route can give, for the OpenAPI document. */
export const commonProblems = {
  400: answer('The request could not be read'),
  401: answer('The access token is missing or not accepted'),
  403: answer('Not permitted, or denied by policy'),
  429: answer('Too many requests'),
  500: answer('Something failed inside Countersign'),
  503: answer('Something needed cannot be reached; nothing was changed'),
} as const;

/** Further responses by status. */
export const problems = {
  404: answer('There is no such thing, or not for this caller'),
  409: answer('In conflict with what there is'),
  413: answer('Too large'),
  415: answer('Unsupported media type'),
  422: answer('Understood, but it cannot be done'),
} as const;
