import path from 'node:path';
import { expect, it } from 'vitest';
import { createRequestChecker } from '../../../api/temporal/check-request.js';
import { createFileDirectory } from '../../../directory/file.js';
import { definition, makeRequest } from '../domain/grant-fixture.js';

const directory = createFileDirectory(path.resolve(import.meta.dirname, '../../../policies/directory.yaml'));
const { action, resource, parameters, reason, requester } = makeRequest();
const body = { action, resource, parameters, reason };

it.each([false, true])('a duration is refused, as nothing ends by itself yet, also where the connector says revocable: %s', async (revocable) => {
  const check = createRequestChecker([{ ...definition, revocable }], directory);
  await expect(check(requester, { ...body, duration: 'PT8H' }, 'key', new Date())).rejects.toMatchObject({ code: 'duration-unsupported' });
  expect(await check(requester, body, 'key', new Date())).toMatchObject({ action });
});
