/** The id of a human in the directory. One human has exactly one, whatever accounts they have. */
export type PersonId = string;

/** The id of an agent or workload in the directory. */
export type AgentId = string;

/** Who a verified token speaks for, as the directory knows them. */
export type Principal =
  | { readonly kind: 'agent'; readonly id: AgentId; readonly name: string; readonly owner: PersonId; readonly issuer: string; readonly subject: string }
  | { readonly kind: 'person'; readonly id: PersonId; readonly name: string; readonly issuer: string; readonly subject: string };

/** A human as shown to people. */
export type PersonRef = { readonly id: PersonId; readonly name: string };

/** How a person proved who they are, weakest first. `chat` rests on the api alone. */
export const assurances = ['chat', 'login', 'mfa', 'passkey'] as const;
export type Assurance = (typeof assurances)[number];

/** True when `held` is at least as strong as `required`. A word that is not known suffices for nothing and is met by nothing. */
export function assuranceSuffices(held: Assurance, required: Assurance): boolean {
  const [has, needs] = [assurances.indexOf(held), assurances.indexOf(required)];
  return needs >= 0 && has >= needs;
}

/** The way a decision came in. */
export const decisionChannels = ['api', 'inbox', 'teams', 'slack'] as const;
export type DecisionChannel = (typeof decisionChannels)[number];
