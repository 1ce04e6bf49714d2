import { parse, stringify } from 'yaml';
import { policiesWith } from '../../../helpers/policies.js';

const route = `  asks:
    stages:
      - name: Data owner
        approvers: { groups: [g-data-owners] }
        expires_in: 24h
        channels: [teams, inbox]
`;
const everything = ['postgres.export', 'http.request'].map(
  (name) => `@id("${name.replace('.', '-')}-asks")\n@review("asks")\npermit (principal, action == Action::"${name}", resource);\n`,
);

type Sections = { executor: { targets: Record<string, unknown> }; policy: { directory: string }; api: Record<string, unknown>; teams?: unknown };

/** Changes the sample configuration: alice or bob decide on everything, large exports, an HTTP target `hooks`, and no rate limit in the way. */
export function faultConfig(extra: { readonly hooks?: string; readonly teams?: object } = {}): (yaml: string) => string {
  return (yaml) => {
    const config = parse(yaml) as Sections;
    config.policy.directory = policiesWith(route, everything.join('\n'));
    config.api['limits'] = { requestsPerMinute: 100_000, pendingPerSubject: 1_000 };
    config.executor.targets['crm'] = { ...(config.executor.targets['crm'] as object), maxRows: 2_000_000 };
    if (extra.hooks !== undefined) config.executor.targets['hooks'] = { kind: 'http', baseUrl: extra.hooks, methods: ['POST'], timeoutSeconds: 100 };
    if (extra.teams !== undefined) config.teams = extra.teams;
    return stringify(config);
  };
}
