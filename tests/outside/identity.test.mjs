// Signatures, tokens, DIDs and credentials, both ways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { Resolver } from 'did-resolver';
import * as jose from 'jose';
import { getResolver } from 'key-did-resolver';
import { check, fixtures, fromHex, toHex } from './fixtures.mjs';

const resolver = new Resolver(getResolver());
const resolveJwk = async (did) => {
  const { didDocument, didResolutionMetadata } = await resolver.resolve(did);
  assert.ok(didDocument, JSON.stringify(didResolutionMetadata));
  return didDocument.verificationMethod[0];
};
// key-did-resolver drops leading zero bytes of a coordinate; RFC 7518 wants them.
const padded = ({ kty, crv, x, y }) => {
  const full = (c) => Buffer.concat([Buffer.alloc(32), Buffer.from(c, 'base64url')]).subarray(-32).toString('base64url');
  return { kty, crv, x: full(x), y: full(y) };
};
const importKid = async (header) => jose.importJWK(padded((await resolveJwk(header.kid.split('#')[0])).publicKeyJwk), 'ES256');

test('noble verifies a signature of ours, low s demanded, and not over another message', () => {
  const { public: key, message, signature } = fixtures.signature;
  const verify = (bytes) => p256.verify(fromHex(signature), bytes, fromHex(key), { prehash: true, lowS: true });
  assert.equal(verify(fromHex(message)), true);
  const other = fromHex(message);
  other[0] ^= 1;
  assert.equal(verify(other), false);
});

test('jose verifies our token by our JWK, and agrees on its thumbprint', async () => {
  const { jwk, thumbprint, jwt } = fixtures.tokens;
  const { payload, protectedHeader } = await jose.jwtVerify(jwt, await jose.importJWK(jwk, 'ES256'), { typ: 'at+jwt', algorithms: ['ES256'] });
  assert.equal(payload.sub, 'someone');
  assert.equal(protectedHeader.alg, 'ES256');
  assert.equal(await jose.calculateJwkThumbprint(jwk), thumbprint);
});

test('jose verifies our proof by the key that it carries: RFC 9449 and the grant', async () => {
  const { proof, thumbprint } = fixtures.tokens;
  const { payload, protectedHeader } = await jose.jwtVerify(proof, jose.EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'], maxTokenAge: 300 });
  assert.equal(await jose.calculateJwkThumbprint(protectedHeader.jwk), thumbprint);
  assert.equal(payload.htm, 'POST');
  assert.equal(payload.htu, 'https://operator1.example/v1/sessions');
  assert.equal(payload.nonce, 'nonce-1');
  assert.equal(payload.grant, 'grant-7');
  assert.equal(payload.ath, Buffer.from(sha256(Buffer.from('header.payload.signature'))).toString('base64url'));
  assert.ok(payload.jti.length >= 16);
});

test('key-did-resolver resolves our did:key to our JWK and the same document', async () => {
  const { did, jwk, document } = fixtures.tokens;
  const { didDocument } = await resolver.resolve(did);
  assert.deepEqual(padded(didDocument.verificationMethod[0].publicKeyJwk), jwk);
  assert.deepEqual({ ...didDocument.verificationMethod[0], publicKeyJwk: jwk }, document.verificationMethod[0]);
  for (const part of ['id', 'authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'])
    assert.deepEqual(didDocument[part], document[part]);
});

test('jose verifies our credential and presentation by the DIDs in their kid', async () => {
  const { issuer, subject, credential, presentation } = fixtures.credential;
  const vc = await jose.jwtVerify(credential, importKid, { typ: 'vc+jwt', algorithms: ['ES256'] });
  assert.equal(vc.protectedHeader.kid.split('#')[0], issuer);
  assert.equal(vc.payload.issuer, issuer);
  assert.equal(vc.payload['@context'][0], 'https://www.w3.org/ns/credentials/v2');
  assert.deepEqual(vc.payload.type, ['VerifiableCredential', 'VerifiedSeller']);
  assert.deepEqual(vc.payload.credentialSubject, { id: subject, country: 'DE' });
  assert.ok(Date.parse(vc.payload.validUntil) - Date.parse(vc.payload.validFrom) === 3600_000);

  const vp = await jose.jwtVerify(presentation, importKid, { typ: 'vp+jwt', algorithms: ['ES256'], audience: 'testnet' });
  assert.equal(vp.payload.holder, subject);
  assert.equal(vp.payload.verifiableCredential[0].id, `data:application/vc+jwt,${credential}`);
});

// From here on: made by others, judged by us.

const base58 = (bytes) => {
  let value = BigInt(`0x${toHex(bytes)}`);
  let out = '';
  for (; value > 0n; value /= 58n) out = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[Number(value % 58n)] + out;
  return out;
};

const madeByOthers = async () => {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  const secret = Buffer.from((await jose.exportJWK(privateKey)).d, 'base64url');
  const point = p256.getPublicKey(secret, true);
  const id = `z${base58(Buffer.concat([Buffer.from([0x80, 0x24]), point]))}`;
  const did = `did:key:${id}`;
  const kid = `${did}#${id}`;
  const message = Buffer.from('21.5 C');
  const now = Math.floor(Date.now() / 1000);
  const sign = (payload, header) => new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', ...header }).sign(privateKey);
  // jose's own signatures have high s half of the time, and we refuse those: make until it is low.
  const signLow = async (payload, header) => {
    for (;;) {
      const jwt = await sign(payload, header);
      if (!p256.Signature.fromCompact(Buffer.from(jwt.split('.')[2], 'base64url')).hasHighS()) return jwt;
    }
  };
  const credential = await signLow({
    '@context': ['https://www.w3.org/ns/credentials/v2'],
    id: 'urn:uuid:4f1c1f0e-0000-4000-8000-000000000002',
    type: ['VerifiableCredential', 'VerifiedClient'],
    issuer: did,
    validFrom: new Date((now - 60) * 1000).toISOString(),
    validUntil: new Date((now + 3600) * 1000).toISOString(),
    credentialSubject: { id: did },
  }, { typ: 'vc+jwt', kid });
  return {
    public: toHex(point),
    message: toHex(message),
    signature: toHex(p256.sign(message, secret, { prehash: true, lowS: true }).toCompactRawBytes()),
    did,
    jwt: await signLow({ sub: 'someone' }, { typ: 'at+jwt' }),
    proof: await signLow({
      jti: crypto.randomUUID(), htm: 'POST', htu: 'https://operator1.example/v1/sessions', iat: now, nonce: 'nonce-1',
      grant: 'grant-7', ath: Buffer.from(sha256(Buffer.from('header.payload.signature'))).toString('base64url'),
    }, { typ: 'dpop+jwt', jwk }),
    credential,
    presentation: await signLow({
      '@context': ['https://www.w3.org/ns/credentials/v2'],
      type: 'VerifiablePresentation',
      holder: did,
      verifiableCredential: [{
        '@context': 'https://www.w3.org/ns/credentials/v2',
        type: 'EnvelopedVerifiableCredential',
        id: `data:application/vc+jwt,${credential}`,
      }],
      aud: 'testnet', nonce: 'n', iat: now,
    }, { typ: 'vp+jwt', kid }),
  };
};

test('we accept the signature, DID, token, proof, credential and presentation that others made', async () => {
  assert.deepEqual(check(await madeByOthers()),
    { signature: true, did: true, jwt: 'good', proof: 'good', credential: 'good', presentation: 'good' });
});

test('we refuse those of one key under another', async () => {
  const mine = await madeByOthers();
  const { public: key } = await madeByOthers();
  const verdict = check({ ...mine, public: key });
  assert.equal(verdict.signature, false);
  assert.equal(verdict.did, false);
  assert.equal(verdict.jwt, 'bad_signature');
});

test('we refuse an HS256 token made with the public key as secret', async () => {
  const mine = await madeByOthers();
  const jwt = await new jose.SignJWT({ sub: 'someone' }).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
    .sign(fromHex(mine.public));
  assert.equal(check({ ...mine, jwt }).jwt, 'bad_alg');
});
