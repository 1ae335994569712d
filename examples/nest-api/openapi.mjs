/** Most points of one request. */
export const MAX_POINTS = 1_000_000;

const problem = (description) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const json = (description, schema) => ({ description, content: { 'application/json': { schema } } });

const object = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const units = {
  type: 'string',
  pattern: '^\\d+$',
  description: 'Units of gas: digits, as numbers of JSON may not hold them',
};

/** The interface, written by hand: OpenAPI 3.1. */
export const document = {
  openapi: '3.1.0',
  info: { title: 'Estimates of π', version: '1.0.0' },
  security: [{ key: [] }],
  paths: {
    '/estimates': {
      post: {
        operationId: 'estimate',
        requestBody: {
          required: true,
          ...json('', { $ref: '#/components/schemas/Question' }),
          description: 'What to throw',
        },
        responses: {
          200: json('The estimate, and what it took', { $ref: '#/components/schemas/Estimate' }),
          400: problem('The question does not fit'),
          401: problem('There is no such key'),
          422: problem('The guest would take more than one request may'),
          429: problem('The budget of the tenant is used up'),
          503: problem('No sandbox is free: come again'),
        },
      },
    },
    '/budget': {
      get: {
        operationId: 'budget',
        responses: {
          200: json('What the tenant may use', { $ref: '#/components/schemas/Budget' }),
          401: problem('There is no such key'),
        },
      },
    },
    '/health': {
      get: {
        operationId: 'health',
        security: [],
        responses: { 200: { description: 'It serves' }, 503: { description: 'It is being closed' } },
      },
    },
  },
  components: {
    securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
    schemas: {
      Question: object({
        points: { type: 'integer', minimum: 1, maximum: MAX_POINTS },
        seed: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
      }),
      Estimate: object({ estimate: { type: 'number' }, remaining: units }),
      Budget: object({ granted: units, used: units, remaining: units }),
      Problem: {
        type: 'object',
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          detail: { type: 'string' },
          retryAfter: { type: 'integer' },
        },
        required: ['type', 'title', 'status'],
      },
    },
  },
};
