import { fakerDE, fakerEN_GB, fakerEN_US, fakerES, fakerFR, fakerIT, fakerNL, type Faker } from '@faker-js/faker';
import type { JsonObject } from '../domain/json.js';

/** One sample table: how it is made, what its columns are, and its rows. */
export type SampleTable = {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly rows: () => Iterable<JsonObject>;
};

const seed = 20_260_401;
const today = new Date('2026-04-01T00:00:00Z');
const customerCount = 4_000;
const orderCount = 8_000;
const ticketCount = 1_000;
const productCount = 200;

const countries: readonly { readonly code: string; readonly faker: Faker; readonly weight: number }[] = [
  { code: 'DE', faker: fakerDE, weight: 30 },
  { code: 'US', faker: fakerEN_US, weight: 25 },
  { code: 'GB', faker: fakerEN_GB, weight: 15 },
  { code: 'FR', faker: fakerFR, weight: 12 },
  { code: 'ES', faker: fakerES, weight: 8 },
  { code: 'IT', faker: fakerIT, weight: 6 },
  { code: 'NL', faker: fakerNL, weight: 4 },
];

const subjects = [
  'Invoice shows the wrong address',
  'Cannot sign in since Monday',
  'Refund for a returned item',
  'Please delete my account',
  'Delivery arrived damaged',
  'Change of bank details',
];
const remarks = [
  'prefers to be called in the evening',
  'had a complaint about the last delivery',
  'asked for a copy of all invoices',
  'moves house next month',
  'recovering from surgery, please be patient',
];

/** The sample tables; the same rows on every machine. */
export const sampleTables: readonly SampleTable[] = [
  {
    name: 'customers',
    columns: [
      ['id', 'integer primary key'],
      ['name', 'text not null'],
      ['email', 'text not null'],
      ['phone', 'text not null'],
      ['city', 'text not null'],
      ['country', 'text not null'],
      ['card_number', 'text not null'],
      ['notes', 'text'],
      ['created_at', 'timestamptz not null'],
    ],
    rows: customers,
  },
  {
    name: 'products',
    columns: [
      ['sku', 'text primary key'],
      ['name', 'text not null'],
      ['price', 'numeric(10,2) not null'],
    ],
    rows: products,
  },
  {
    name: 'orders',
    columns: [
      ['id', 'integer primary key'],
      ['customer_id', 'integer not null references customers'],
      ['total', 'numeric(10,2) not null'],
      ['placed_at', 'timestamptz not null'],
    ],
    rows: orders,
  },
  {
    name: 'tickets',
    columns: [
      ['id', 'integer primary key'],
      ['customer_id', 'integer not null references customers'],
      ['subject', 'text not null'],
      ['body', 'text not null'],
    ],
    rows: tickets,
  },
];

function* customers(): Iterable<JsonObject> {
  for (const { faker } of countries) faker.seed(seed);
  const pick = countries.map(({ weight, ...value }) => ({ weight, value }));
  for (let id = 1; id <= customerCount; id += 1) {
    const { code, faker } = fakerEN_US.helpers.weightedArrayElement(pick);
    const firstName = faker.person.firstName();
    const lastName = faker.person.lastName();
    const phone = faker.phone.number({ style: 'international' });
    yield {
      id,
      name: `${firstName} ${lastName}`,
      // The domains are reserved for examples, so that nobody is ever written to.
      email: faker.internet.email({ firstName, lastName, provider: faker.helpers.arrayElement(['example.com', 'example.org', 'example.net']) }).toLowerCase(),
      phone,
      city: faker.location.city(),
      country: code,
      card_number: faker.finance.creditCardNumber({ issuer: faker.helpers.arrayElement(['visa', 'mastercard']) }),
      notes: faker.helpers.maybe(() => `${firstName} ${faker.helpers.arrayElement(remarks)}; reach at ${phone}.`, { probability: 0.4 }) ?? null,
      created_at: faker.date.past({ years: 5, refDate: today }).toISOString(),
    };
  }
}

function* products(): Iterable<JsonObject> {
  const faker = fakerEN_US;
  faker.seed(seed + 1);
  for (let id = 1; id <= productCount; id += 1)
    yield { sku: `P-${String(id).padStart(5, '0')}`, name: faker.commerce.productName(), price: faker.commerce.price({ min: 2, max: 900 }) };
}

function* orders(): Iterable<JsonObject> {
  const faker = fakerEN_US;
  faker.seed(seed + 2);
  for (let id = 1; id <= orderCount; id += 1) {
    yield {
      id,
      customer_id: faker.number.int({ min: 1, max: customerCount }),
      total: faker.commerce.price({ min: 5, max: 1500 }),
      placed_at: faker.date.past({ years: 2, refDate: today }).toISOString(),
    };
  }
}

function* tickets(): Iterable<JsonObject> {
  const faker = fakerEN_US;
  faker.seed(seed + 3);
  for (let id = 1; id <= ticketCount; id += 1) {
    yield {
      id,
      customer_id: faker.number.int({ min: 1, max: customerCount }),
      subject: faker.helpers.arrayElement(subjects),
      body: `Hello, this is ${faker.person.fullName()}. ${faker.lorem.sentences(2)} You can call me at ${faker.phone.number({ style: 'international' })}.`,
    };
  }
}
