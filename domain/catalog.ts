import { matchesGlob, matchesGlobExactly } from './floor.js';

/** One line of the resource catalogue: what is said of the resources whose ids fit `match`. */
export type CatalogEntry = {
  readonly match: string;
  /** Only resources of this type; of any when absent. */
  readonly type?: string;
  readonly classification: string;
  readonly environment: string;
  /** The group or team that answers for it. */
  readonly team?: string;
  /** True where it holds personal data. */
  readonly personal: boolean;
};

/** What a deployment says of its resources. Classes and environments stand in order, the strictest last. */
export type Catalog = { readonly classes: readonly string[]; readonly environments: readonly string[]; readonly entries: readonly CatalogEntry[] };

/** What policy and risk may know of one resource. */
export type ResourceFacts = {
  readonly classification: string;
  readonly environment: string;
  /** True in the strictest environment. */
  readonly production: boolean;
  readonly personal: boolean;
  readonly team?: string;
  /** False when the catalogue does not name it: then it has the strictest of everything. */
  readonly known: boolean;
};

export const defaultClasses = ['public', 'internal', 'confidential', 'restricted'] as const;
export const defaultEnvironments = ['development', 'staging', 'production'] as const;

/**
 * What the catalogue says of a resource: the first entry that fits counts. One that would fit in another spelling of upper and
 * lower case counts as well where it is stricter, since a target may take both names for the same thing. What no entry names
 * gets the strictest class and environment; without a catalogue the environment is that of the deployment.
 */
export function describeResource(
  catalog: Catalog | undefined,
  resource: { readonly type: string; readonly id: string },
  deploymentEnvironment: string,
): ResourceFacts {
  if (catalog === undefined)
    return {
      classification: defaultClasses[3],
      environment: deploymentEnvironment,
      production: deploymentEnvironment === defaultEnvironments[2],
      personal: true,
      known: false,
    };
  const { classes, environments, entries } = catalog;
  const ofType = entries.filter((entry) => entry.type === undefined || entry.type === resource.type);
  const exact = ofType.find((entry) => matchesGlobExactly(entry.match, resource.id));
  if (exact === undefined)
    return { classification: classes.at(-1) ?? '', environment: environments.at(-1) ?? '', production: true, personal: true, known: false };
  const loose = ofType.find((entry) => matchesGlob(entry.match, resource.id)) ?? exact;
  const environment = stricter(environments, exact.environment, loose.environment);
  return {
    classification: stricter(classes, exact.classification, loose.classification),
    environment,
    production: environment === environments.at(-1),
    personal: exact.personal || loose.personal,
    ...(exact.team === undefined ? {} : { team: exact.team }),
    known: true,
  };
}

function stricter(order: readonly string[], one: string, other: string): string {
  return order.indexOf(other) > order.indexOf(one) ? other : one;
}
