'use strict';
// What the translation and the connection need of a Prisma schema: the type of each model's fields, and where the data is.

const MODEL = /^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm;
const FIELD = /^\s*(\w+)\s+(\w+)/gm;
const URL_LINE = /^\s*url\s*=\s*(?:env\("(\w+)"\)|"([^"]+)")/m;

/** Model name → field name → type, of which another model's name is one. */
function models(schema) {
  const found = new Map();
  for (const [, model, body] of schema.matchAll(MODEL)) {
    found.set(model, new Map([...body.matchAll(FIELD)].map(([, field, type]) => [field, type])));
  }
  return found;
}

/** The database's URL: what the client overrides, else what the schema names. */
function databaseUrl(schema, environment) {
  const overrides = JSON.parse(environment.OVERWRITE_DATASOURCES || '[]');
  if (overrides.length > 0 && overrides[0].url) return new URL(overrides[0].url);
  const [, variable, literal] = URL_LINE.exec(schema);
  return new URL(variable ? environment[variable] : literal);
}

module.exports = { models, databaseUrl };
