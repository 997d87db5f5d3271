// The REST interface's description, as others' tools read it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const file = new URL('../../marketplace_dapp/api/openapi.json', import.meta.url);
const read = () => JSON.parse(readFileSync(file, 'utf8'));

test('it is an OpenAPI 3.1 document', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(read());
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
});

test('a document with a fault is refused', async () => {
  const document = read();
  delete document.paths['/api/v1/offers'].get.responses;
  document.paths['/api/v1/offers'].get.parameters[0].in = 'somewhere';
  assert.equal((await new Validator().validate(document)).valid, false);
});

test('every schema of it compiles as JSON Schema 2020-12', () => {
  const document = read();
  const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
  addFormats(ajv);
  ajv.addFormat('int64', true);
  const local = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/'));
  const $defs = local(document.components.schemas);
  let compiled = 0;
  const walk = (value) => {
    if (value === null || typeof value !== 'object') return;
    if (value.schema) {
      ajv.compile({ ...local(value.schema), $defs });
      ++compiled;
    }
    Object.values(value).forEach(walk);
  };
  walk(document.paths);
  assert.ok(compiled > 50);
});

test('operations have ids of their own, and say what they answer', () => {
  const ids = new Set();
  for (const [path, methods] of Object.entries(read().paths)) {
    const named = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]).sort();
    for (const [method, operation] of Object.entries(methods)) {
      assert.ok(!ids.has(operation.operationId), operation.operationId);
      ids.add(operation.operationId);
      const described = (operation.parameters ?? []).filter((one) => one.in === 'path').map((one) => one.name).sort();
      assert.deepEqual(described, named, `${method} ${path}`);
      assert.ok(Object.keys(operation.responses).some((status) => status.startsWith('2')), `${method} ${path}`);
    }
  }
});
