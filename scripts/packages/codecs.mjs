/** Sums, ciphers, compression. */
import { loadNapi, NAPI_OPTIONS } from './napi.mjs';

const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(200);

export const CODECS = [
  {
    name: 'argon2-browser',
    async load({ require }) {
      // It was written for a Node without, and asks for a file by its path where there is one.
      delete globalThis.fetch;
      const argon2 = require('argon2-browser');
      return async () => (await argon2.hash({ pass: 'password', salt: 'somesalt', time: 1, mem: 256 })).encoded;
    },
  },
  {
    name: 'hash-wasm',
    async load({ require }) {
      const hash = require('hash-wasm');
      return async () => [
        await hash.md5(TEXT),
        await hash.blake3(TEXT),
        await hash.xxhash64(TEXT),
        await hash.bcrypt({ password: 'a', salt: new Uint8Array(16), costFactor: 4 }),
      ];
    },
  },
  {
    name: 'xxhash-wasm',
    async load({ import: load }) {
      const { h64ToString } = await (await load('xxhash-wasm')).default();
      return () => h64ToString(TEXT);
    },
  },
  {
    name: '@node-rs/xxhash-wasm32-wasi',
    options: NAPI_OPTIONS,
    async load(from) {
      const { xxh64 } = await loadNapi('@node-rs/xxhash-wasm32-wasi', 'xxhash', from);
      return () => String(xxh64(TEXT));
    },
  },
  {
    name: '@node-rs/crc32-wasm32-wasi',
    options: NAPI_OPTIONS,
    async load(from) {
      const { crc32 } = await loadNapi('@node-rs/crc32-wasm32-wasi', 'crc32', from);
      return () => crc32(TEXT);
    },
  },
  {
    name: 'brotli-wasm',
    async load({ require }) {
      const brotli = await require('brotli-wasm');
      return () => {
        const packed = brotli.compress(Buffer.from(TEXT));
        return [packed.length, Buffer.from(brotli.decompress(packed)).toString() === TEXT];
      };
    },
  },
  {
    name: '@bokuweb/zstd-wasm',
    async load({ require }) {
      const zstd = require('@bokuweb/zstd-wasm');
      await zstd.init();
      return () => {
        const packed = zstd.compress(Buffer.from(TEXT), 10);
        return [packed.length, Buffer.from(zstd.decompress(packed)).toString() === TEXT];
      };
    },
  },
  {
    name: 'libsodium-wrappers',
    async load({ require }) {
      const sodium = require('libsodium-wrappers');
      await sodium.ready;
      return () => {
        const pair = sodium.crypto_sign_seed_keypair(new Uint8Array(32));
        const signature = sodium.crypto_sign_detached(TEXT, pair.privateKey);
        return [sodium.to_hex(signature), sodium.crypto_sign_verify_detached(signature, TEXT, pair.publicKey)];
      };
    },
  },
  {
    name: 'tiny-secp256k1',
    async load({ require }) {
      const ecc = require('tiny-secp256k1');
      return () => Buffer.from(ecc.sign(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2))).toString('hex');
    },
  },
  {
    name: 'mcl-wasm',
    async load({ require }) {
      const mcl = require('mcl-wasm');
      await mcl.init(mcl.BLS12_381);
      return () => mcl.pairing(mcl.hashAndMapToG1('a'), mcl.hashAndMapToG2('b')).serializeToHexStr();
    },
  },
  {
    name: '@automerge/automerge',
    async load({ require }) {
      const automerge = require('@automerge/automerge');
      return () => {
        const one = automerge.change(automerge.init({ actor: 'aa' }), { time: 0 }, (document) => (document.list = [1]));
        const two = automerge.change(automerge.clone(one, { actor: 'bb' }), { time: 0 }, ({ list }) => list.push(2));
        return automerge.merge(
          automerge.change(one, { time: 0 }, ({ list }) => list.push(3)),
          two,
        );
      };
    },
  },
  {
    name: 'loro-crdt',
    async load({ require }) {
      const { LoroDoc } = require('loro-crdt');
      return () => {
        const [one, two] = [new LoroDoc(), new LoroDoc()];
        one.setPeerId('1');
        two.setPeerId('2');
        one.getText('text').insert(0, 'Hello');
        two.import(one.export({ mode: 'update' }));
        two.getText('text').insert(5, ', world');
        one.import(two.export({ mode: 'update' }));
        return one.toJSON();
      };
    },
  },
];
