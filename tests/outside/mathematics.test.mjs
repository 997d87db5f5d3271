// Merkle trees, frames and key custody, computed again from the formulas.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { p256, p256_hasher } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fixtures, fromHex, lp, toHex, utf8 } from './fixtures.mjs';

const Point = p256.Point;
const n = Point.Fn.ORDER;
const mod = (a) => ((a % n) + n) % n;
const number = (hex) => BigInt(`0x${hex}`);
const point = (hex) => Point.fromHex(hex);
const bytes = (p) => p.toBytes(true);
const challenge = (...parts) => mod(number(toHex(sha256(lp(...parts)))));
const times = (p, k) => (mod(k) === 0n ? Point.ZERO : p.multiply(mod(k)));

test('Merkle roots are RFC 6962\'s, by its recursive definition', () => {
  const root = (leaves) => {
    if (leaves.length === 0) return sha256(new Uint8Array());
    if (leaves.length === 1) return sha256(concat(Uint8Array.of(0), leaves[0]));
    let split = 1;
    while (split * 2 < leaves.length) split *= 2;
    return sha256(concat(Uint8Array.of(1), root(leaves.slice(0, split)), root(leaves.slice(split))));
  };
  for (const { leaves, root: expected } of fixtures.merkle) assert.equal(toHex(root(leaves.map(fromHex))), expected);
});

test('a frame opens by the data plane\'s description alone', async () => {
  const { subkey, stream, sequence, plaintext, frame } = fixtures.frame;
  const data = Buffer.from(frame, 'hex');
  const header = data.subarray(0, 54);
  assert.equal(header[0], 1);
  assert.equal(toHex(header.subarray(2, 18)), toHex(sha256(utf8(stream)).subarray(0, 16)));
  assert.equal(header.readBigUInt64BE(38), BigInt(sequence));
  const info = concat(header.subarray(18, 34), header.subarray(38, 46));  // writer instance || sequence
  const key = await crypto.subtle.importKey('raw', hkdf(sha256, fromHex(subkey), undefined, info, 32), 'AES-GCM', false, ['decrypt']);
  const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12), additionalData: header }, key, data.subarray(54));
  assert.equal(Buffer.from(opened).toString(), plaintext);
});

const custody = fixtures.custody;
const H = point(custody.H);

test('generator H is the hash to curve of its name', () => {
  const derived = p256_hasher.hashToCurve(utf8('fairstream pvss generator H'),
    { DST: 'FAIRSTREAM-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_' });
  assert.equal(derived.toHex(true), custody.H);
});

test('every share of a dealing is proven', () => {
  const commitments = custody.commitments.map(point);
  custody.shares.forEach(({ P, Y, c, r }, at) => {
    const i = BigInt(at + 1);
    const X = commitments.reduce((sum, C, j) => sum.add(C.multiply(i ** BigInt(j))), Point.ZERO);
    const T1 = times(H, number(r)).add(times(X, number(c)));
    const T2 = times(point(P), number(r)).add(times(point(Y), number(c)));
    assert.equal(challenge(utf8('fairstream/dleq/v1'), fromHex(custody.context), bytes(H), bytes(X), fromHex(P), fromHex(Y), bytes(T1), bytes(T2)), number(c));
  });
});

test('every release is proven', () => {
  const Q = point(custody.buyer_public);
  for (const { index, A, B, c, s, u } of custody.releases) {
    const { P, Y } = custody.shares[index - 1];
    const T1 = times(Point.BASE, number(s)).subtract(times(point(P), number(c)));
    const T2 = times(point(B), number(s)).subtract(times(Q, number(u))).subtract(times(point(Y), number(c)));
    const T3 = times(point(A), number(s)).subtract(times(Point.BASE, number(u)));
    assert.equal(challenge(utf8('fairstream/release/v1'), fromHex(custody.release_context), fromHex(P), fromHex(Y), bytes(Q),
      fromHex(A), fromHex(B), bytes(T1), bytes(T2), bytes(T3)), number(c));
  }
});

test('three releases of four give the buyer the stream\'s key', () => {
  const indices = custody.releases.map(({ index }) => BigInt(index));
  const secret = custody.releases.reduce((sum, { index, A, B }) => {
    const i = BigInt(index);
    const lambda = indices.filter((j) => j !== i).reduce((product, j) => mod(product * j * Point.Fn.inv(mod(j - i))), 1n);
    const share = point(B).subtract(times(point(A), number(custody.buyer_secret)));
    return sum.add(times(share, lambda));
  }, Point.ZERO);
  const key = hkdf(sha256, bytes(secret), fromHex(custody.context), utf8('fairstream/kek/v1'), 32);
  assert.equal(toHex(key), custody.key);
  assert.equal(toHex(sha256(concat(utf8('fairstream/kcv/v1'), key))), custody.key_check_value);
});
