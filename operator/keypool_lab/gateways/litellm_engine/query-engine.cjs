#!/usr/bin/env node
'use strict';
// Takes the place of Prisma's native `query-engine` program: the same engine in WebAssembly behind the program's HTTP
// interface, as far as Prisma's Python client uses it. It ends with the process that started it.

const http = require('http');
const fs = require('fs');
const { parseArgs } = require('util');
const { version } = require('@prisma/client/package.json');
const { databaseUrl, models } = require('./datamodel.cjs');
const { Engine } = require('./engine.cjs');
const { Translator, answer } = require('./translation.cjs');

const PARENT_CHECK_MILLISECONDS = 500;
const TRANSACTION = /^\/transaction\/([^/]+)\/(commit|rollback)$/;

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function query(engine, translator, text, transaction) {
  const wanted = JSON.parse(text);
  if (!wanted.batch) {
    const one = translator.translate(wanted.query);
    return answer(await engine.query(one.request, transaction), one);
  }
  const all = wanted.batch.map((each) => translator.translate(each.query));
  const together = wanted.transaction ? { transaction: { isolationLevel: wanted.isolationLevel || null } } : {};
  const response = await engine.query({ batch: all.map((each) => each.request), ...together }, transaction);
  if (response.batchResult) response.batchResult = response.batchResult.map((each, index) => answer(each, all[index]));
  return response;
}

async function respond(engine, translator, request) {
  const route = request.url.split('?')[0];
  if (route === '/status') return { status: 'ok' };
  if (route === '/metrics') return { counters: [], gauges: [], histograms: [] };
  const text = await body(request);
  if (route === '/transaction/start') return JSON.parse(await engine.begin(JSON.parse(text || '{}')));
  const [, transaction, how] = TRANSACTION.exec(route) || [];
  if (how) return JSON.parse((await engine.end(transaction, how)) || '{}');
  return query(engine, translator, text, request.headers['x-transaction-id']);
}

/** An error as the engine tells errors: in an answer with status 200. */
function failure(error) {
  const message = String((error && error.message) || error);
  try {
    const facing = JSON.parse(message);
    return { errors: [{ error: facing.message || message, user_facing_error: facing }] };
  } catch {
    return { errors: [{ error: message, user_facing_error: { is_panic: false, message, backtrace: null } }] };
  }
}

async function serve(port) {
  const schema = fs.readFileSync(process.env.PRISMA_DML_PATH, 'utf8');
  const engine = new Engine(schema, databaseUrl(schema, process.env));
  await engine.connect();
  const translator = new Translator(models(schema));
  const server = http.createServer(async (request, response) => {
    const told = await respond(engine, translator, request).catch(failure);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(told));
  });
  server.keepAliveTimeout = 75_000; // longer than the client keeps a connection: it never meets one that is just closing
  server.listen(port, 'localhost');
  endWith(process.ppid, engine);
}

function endWith(parent, engine) {
  const end = () => engine.disconnect().catch(() => {}).finally(() => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
  setInterval(() => process.ppid === parent || end(), PARENT_CHECK_MILLISECONDS);
}

function main() {
  const options = { port: { type: 'string', short: 'p' }, version: { type: 'boolean' } };
  const { values } = parseArgs({ options, strict: false });
  if (values.version) return console.log(`query-engine ${version}`);
  return serve(Number(values.port)).catch((error) => {
    console.error(`query-engine: ${error.message}`);
    process.exit(1);
  });
}

main();
