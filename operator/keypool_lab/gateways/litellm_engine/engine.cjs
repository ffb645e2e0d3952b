'use strict';
// Prisma's query engine as @prisma/client ships it, in WebAssembly, connected to PostgreSQL through Prisma's adapter for pg.

const fs = require('fs');
const path = require('path');
const { Pool } = require('pg');
const { PrismaPg } = require('@prisma/adapter-pg');
const { bindAdapter } = require('@prisma/driver-adapter-utils');

const RUNTIME = path.join(path.dirname(require.resolve('@prisma/client/package.json')), 'runtime');
const BUILD = 'query_engine_bg.postgresql';
const ADAPTER_FAILED = 'P2036';
const UNREACHABLE = 'P1001';
const RAW_QUERY_FAILED = 'P2010';
const LOST = /ECONNREFUSED|ECONNRESET|terminat|timeout|not queryable|shutting down|starting up|Connection/i;

function load() {
  const glue = require(path.join(RUNTIME, `${BUILD}.js`));
  const wasm = new WebAssembly.Module(fs.readFileSync(path.join(RUNTIME, `${BUILD}.wasm`)));
  const instance = new WebAssembly.Instance(wasm, { './query_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  if (instance.exports.__wbindgen_start) instance.exports.__wbindgen_start();
  return glue.QueryEngine;
}

class Engine {
  constructor(schema, url) {
    this.url = url;
    const options = new URLSearchParams(url.search);
    const pool = new Pool({
      connectionString: url.href.split('?')[0],
      max: Number(options.get('connection_limit') || 10),
      connectionTimeoutMillis: Number(options.get('pool_timeout') || 10) * 1000,
    });
    pool.on('error', () => {}); // an idle connection was lost: the next query opens another, or tells
    this.adapter = bindAdapter(new PrismaPg(pool));
    const settings = { datamodel: schema, logLevel: 'error', logQueries: false, engineProtocol: 'json', enableTracing: false };
    this.engine = new (load())(settings, () => {}, this.adapter);
  }

  connect() { return this.engine.connect('{}'); }

  disconnect() { return this.engine.disconnect('{}'); }

  async query(request, transaction) {
    return this.told(JSON.parse(await this.engine.query(JSON.stringify(request), '{}', transaction)));
  }

  begin({ max_wait = 2000, timeout = 5000, isolation_level }) {
    return this.engine.startTransaction(JSON.stringify({ max_wait, timeout, isolation_level }), '{}');
  }

  end(transaction, how) {
    return how === 'commit' ? this.engine.commitTransaction(transaction, '{}') : this.engine.rollbackTransaction(transaction, '{}');
  }

  /** Failures of the adapter by their cause, as the native engine tells them; here they are numbers in a registry. */
  told(response) {
    for (const error of response.errors || []) {
      const facing = error.user_facing_error;
      if (!facing || facing.error_code !== ADAPTER_FAILED) continue;
      const entry = this.adapter.errorRegistry.consumeError(facing.meta && facing.meta.id);
      Object.assign(facing, this.cause(entry && entry.error));
      error.error = facing.message;
    }
    return response;
  }

  cause(error) {
    const message = String((error && error.message) || error || 'unknown');
    const codes = [error && error.code, ...((error && error.errors) || []).map((each) => each.code)].join(' ');
    if (!LOST.test(`${codes} ${message}`)) return { error_code: RAW_QUERY_FAILED, message, meta: {} };
    const { hostname, port } = this.url;
    const where = `\`${hostname}\`:\`${port}\``;
    return {
      error_code: UNREACHABLE,
      message: `Can't reach database server at ${where}\n\nPlease make sure your database server is running at ${where}.`,
      meta: { database_host: hostname, database_port: Number(port) },
    };
  }
}

module.exports = { Engine };
