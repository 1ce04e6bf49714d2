/**
 * The sample actions of `npm start` and `npm run demo`. Bodies go to `POST /v1/actions` as they stand;
 * `policies/` holds the rules that make each end as `expect` says.
 */
export const scenarios = {
  allowed: {
    summary: 'public price list; policy allows it at once',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 0,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.products' },
      parameters: { columns: ['sku', 'name', 'price'], format: 'csv' },
      reason: 'Nightly refresh of the price list on the web site.',
    },
    next: 'Nobody needs to do anything: the policy allows it.',
  },
  denied: {
    summary: 'asks for card numbers; policy forbids it',
    agent: 'invoice-bot',
    expect: 'denied',
    people: 0,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: { columns: ['id', 'name', 'card_number'], limit: 50, format: 'csv' },
      reason: 'Reconcile last month of card payments.',
    },
    next: 'Nobody can approve this: the policy forbids it.',
  },
  approval: {
    summary: 'personal data of 500 customers; one data owner decides',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 1,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: {
        columns: ['id', 'name', 'email', 'phone'],
        filter: [{ column: 'country', op: '=', value: 'DE' }],
        limit: 500,
        format: 'csv',
      },
      reason: 'Payment reminders for overdue invoices, one country at a time.',
    },
    next: 'Sign in as alice or bob and decide. Dave owns this agent, so he cannot.',
  },
  'two-approvals': {
    summary: 'all customers; a data owner and a second person decide',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 2,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: { columns: ['id', 'name', 'email', 'phone'], format: 'csv' },
      reason: 'Move of the whole customer base to the new billing system.',
    },
    next: 'Two different people must approve, for example alice, then carol: first a data owner, then somebody from security.',
  },
  'step-up': {
    summary: 'notes about customers; approving needs a sign-in with a second factor',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 1,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: { columns: ['id', 'notes'], limit: 100, format: 'csv' },
      reason: 'Clean up of free-text notes that should not be kept.',
    },
    next: 'Sign in as alice or bob. Approving asks the provider for a second factor, for this decision alone.',
  },
  passkey: {
    summary: 'what people wrote in tickets; approving needs a passkey',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 1,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.tickets' },
      parameters: { columns: ['id', 'subject', 'body'], limit: 50, format: 'csv' },
      reason: 'Examples of complaints about invoices, to word the reminders better.',
    },
    next: 'Sign in as alice or bob, add a passkey in the inbox under Passkeys, then approve with it: your device signs for this decision alone.',
  },
  escalates: {
    summary: 'orders; goes to the next people after 20 seconds without a decision',
    agent: 'invoice-bot',
    expect: 'executed',
    people: 1,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.orders' },
      parameters: {
        columns: ['id', 'customer_id', 'total', 'placed_at'],
        filter: [{ column: 'total', op: '>=', value: 100 }],
        limit: 1000,
        format: 'csv',
      },
      reason: 'Large orders of this quarter for the revenue forecast; the first approver is on holiday.',
    },
    next: 'Wait 20 seconds and watch it escalate, then decide as one of the people whom the page names.',
  },
  expires: {
    summary: 'support tickets; expires after 40 seconds without a decision',
    agent: 'invoice-bot',
    expect: 'expired',
    people: 0,
    body: {
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.tickets' },
      parameters: { columns: ['id', 'customer_id', 'subject'], limit: 200, format: 'csv' },
      reason: 'Sample of ticket subjects to tune the routing.',
    },
    next: 'Leave it alone for 40 seconds: it expires, which is not a rejection.',
  },
};
