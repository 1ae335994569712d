/** Databases. */
export const DATABASES = [
  {
    name: 'sql.js',
    async load({ require }) {
      const { Database } = await require('sql.js')();
      return () => {
        const db = new Database();
        db.run("create table t (a, b); insert into t values (1, 2.5), (2, null), (3, x'00ff')");
        const rows = db.exec('select a, typeof(b), hex(b) from t order by a desc');
        const squares = db.exec(
          'with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) select sum(i * i) from n',
        );
        const again = new Database(db.export()).exec('select count(*) from t');
        return [rows, squares, again];
      };
    },
  },
  {
    name: '@sqlite.org/sqlite-wasm',
    async load({ import: load, path, bytes }) {
      globalThis.self = globalThis;
      globalThis.location = new URL('file:///');
      const { default: init } = await load('@sqlite.org/sqlite-wasm/sqlite-wasm/jswasm/sqlite3-bundler-friendly.mjs');
      const wasmBinary = bytes('@sqlite.org/sqlite-wasm/sqlite-wasm/jswasm/sqlite3.wasm');
      const sqlite = await init({ wasmBinary, locateFile: path, print: String, printErr: String });
      return () => {
        const db = new sqlite.oo1.DB(':memory:');
        db.exec('create table t (a); insert into t values (3), (1), (2)');
        db.createFunction('twice', (_, n) => 2 * n);
        return [sqlite.version.libVersion, db.exec('select twice(a) from t order by a', { returnValue: 'resultRows' })];
      };
    },
  },
  {
    name: 'node-sqlite3-wasm',
    async load({ require }) {
      const { Database } = require('node-sqlite3-wasm');
      return () => {
        const db = new Database();
        db.exec('create table t (a); insert into t values (3), (1), (2)');
        return db.all('select a, a * a as square from t order by a');
      };
    },
  },
  {
    name: '@electric-sql/pglite',
    // Two programs, each of 128 MiB to begin with.
    options: { memoryLimit: 1 << 30 },
    async load({ import: load }) {
      const { PGlite } = await load('@electric-sql/pglite');
      const db = await PGlite.create();
      return async () =>
        (await db.query('select sum(i)::int as sum, version() from generate_series(1, 100) as i')).rows;
    },
  },
  {
    name: '@duckdb/duckdb-wasm',
    async load({ require, path }) {
      const duckdb = require('@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs');
      const bundle = (kind) => ({ mainModule: path(`@duckdb/duckdb-wasm/dist/duckdb-${kind}.wasm`), mainWorker: null });
      const db = await duckdb.createDuckDB(
        { mvp: bundle('mvp'), eh: bundle('eh') },
        new duckdb.VoidLogger(),
        duckdb.NODE_RUNTIME,
      );
      await db.instantiate();
      return () => String(db.connect().query('select sum(i) as sum from range(1000) as t(i)'));
    },
  },
  {
    name: 'wa-sqlite',
    async load({ import: load, bytes }) {
      const { default: make } = await load('wa-sqlite/dist/wa-sqlite.mjs');
      const { Factory } = await load('wa-sqlite');
      const sqlite = Factory(await make({ wasmBinary: bytes('wa-sqlite/dist/wa-sqlite.wasm') }));
      return async () => {
        const rows = [];
        const text = 'create table t(a); insert into t values (1), (2); select sum(a), sqlite_version() from t';
        await sqlite.exec(await sqlite.open_v2(':memory:'), text, (row) => rows.push(row));
        return rows;
      };
    },
  },
];
