import { fastify } from 'fastify';
import { describe, expect, it } from 'vitest';
import { registerOpenApi } from '../../../api/plugins/openapi.js';

describe('the description of the API', () => {
  it('holds what callers of the API use, and no page', async () => {
    const app = fastify();
    await registerOpenApi(app, 'https://countersign.example', '1');
    app.get('/v1/things', { schema: { tags: ['things'] } }, async () => ({}));
    app.get('/inbox/history', async () => '');
    await app.ready();
    expect(Object.keys(app.swagger().paths ?? {})).toEqual(['/v1/things']);
    await app.close();
  });
});
