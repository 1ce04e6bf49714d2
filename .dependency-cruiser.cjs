// Imports run one way: domain <- workflows/contract <- api, cli; domain <- activities; worker sees all.
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule(
      'no-circles',
      'Two modules that need each other are one module, or a third is missing.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    rule(
      'domain-is-pure',
      'The domain knows nothing of the rest of this project.',
      { path: '^domain/' },
      { path: '^(?!domain/|node_modules/)', dependencyTypesNot: ['core', 'npm', 'npm-dev'] },
    ),
    rule('domain-no-node', 'The domain runs inside workflows: no Node module and nothing of Temporal.', { path: '^domain/' }, { dependencyTypes: ['core'] }),
    rule('domain-no-temporal', 'The domain does not know its engine.', { path: '^domain/' }, { path: 'node_modules/@temporalio/' }),
    rule(
      'contract-is-thin',
      'The contract is what everybody shares, so it may need only the domain.',
      { path: '^workflows/contract\\.ts$' },
      { path: '^(?!domain/|node_modules/)', dependencyTypesNot: ['core'] },
    ),
    rule('workflows-pure', 'Workflow code runs in a sandbox and is run again from history.', { path: '^workflows/' }, { dependencyTypes: ['core'] }),
    rule(
      'workflows-narrow',
      'Workflows see the domain and themselves; anything else as types only.',
      { path: '^workflows/' },
      { path: '^(api|worker|cli|config|codec|directory|policy|activities|dev)/', dependencyTypesNot: ['type-only'] },
    ),
    rule('workflows-never-up', 'Not even as types.', { path: '^workflows/' }, { path: '^(api|worker|cli|dev)/' }),
    rule(
      'activities-down',
      'Activities need the domain, the contract, directory and configuration.',
      { path: '^activities/' },
      { path: '^(api|worker|cli|dev)/' },
    ),
    rule('api-no-activities', 'The api holds no target and runs no step.', { path: '^api/' }, { path: '^(activities|worker|cli|dev)/' }),
    rule('api-contract-only', 'The api knows the workflows by their contract.', { path: '^api/' }, { path: '^workflows/(?!contract\\.ts$)' }),
    rule(
      'lower-layers',
      'Directory, policy and configuration serve the others and need none of them.',
      { path: '^(directory|config|policy)/' },
      { path: '^(api|activities|worker|cli|dev|workflows)/' },
    ),
    rule(
      'codec-is-thin',
      'The codec holds keys to everything in Temporal, so it needs the configuration and the domain alone.',
      { path: '^codec/' },
      { path: '^(?!codec/|config/|domain/|node_modules/)', dependencyTypesNot: ['core'] },
    ),
    rule(
      'codec-at-the-border',
      'Payloads are encrypted where a process meets Temporal; nothing further in knows of it.',
      { path: '^(domain|workflows|activities|config|directory|policy|dev)/' },
      { path: '^codec/' },
    ),
    rule('worker-is-top', 'Nothing imports the worker.', { pathNot: '^(worker|test)/' }, { path: '^worker/' }),
    rule('dev-stays-out', 'What is for development only is never part of a production process.', { pathNot: '^(dev|test|cli)/' }, { path: '^dev/' }),
    rule(
      'no-test-code',
      'Production code does not import tests or scripts.',
      { path: '^(domain|workflows|activities|worker|api|cli|config|codec|directory|policy|dev)/' },
      { path: '^(test|scripts)/' },
    ),
    rule(
      'no-dev-packages',
      'Production code needs production dependencies.',
      { path: '^(domain|workflows|activities|worker|api|cli|config|codec|directory|policy|dev)/' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    rule('resolvable', 'Every import leads somewhere.', {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules|\\.countersign|coverage)/' },
    includeOnly: undefined,
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.d.mts', '.mjs', '.cjs', '.js'],
    },
  },
};
