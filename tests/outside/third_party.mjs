// A buyer with none of our programs: the blocks of docs/third-party.md are written to files and run, as they stand in the page,
// against a network with one seller.   node third_party.mjs PAGE PROGRAMS
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [page, programs] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'fs-page-')), net = join(folder, 'net'), work = join(folder, 'work');
const sold = join(folder, 'sold.csv'), said = join(folder, 'said.txt');
const say = (line) => console.log(`# ${line}`);

const fairstream = (...words) => JSON.parse(execFileSync(join(programs, 'fairstream'), [...words, '--network', net, '--json'],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));

/// {kind, text} of every block: kind is what stands after the opening fence.
function blocks() {
  const found = [...readFileSync(page, 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, text]) => ({ kind, text }));
  assert(found.length > 10, 'the page has lost its blocks');
  for (const { kind } of found) assert(['js', 'sh'].includes(kind), `a block of kind ${kind}: not run by this test`);
  return found;
}

/// Every js block is a file that its first line names; the sh blocks are one script. The first says where the market is and what to
/// install: that is this test's to say.
function write(all) {
  mkdirSync(work);
  symlinkSync(resolve('node_modules'), join(work, 'node_modules'));
  for (const { kind, text } of all) {
    if (kind !== 'js') continue;
    const name = text.match(/^\/\/ ([a-z]+\.mjs)\b/);
    assert(name, `a js block whose first line does not name its file: ${text.slice(0, 60)}`);
    writeFileSync(join(work, name[1]), text);
  }
  const [setup, ...scripts] = all.filter(({ kind }) => kind === 'sh').map(({ text }) => text);
  const version = setup.match(/npm install @noble\/curves@(\S+)/);
  assert.equal(version?.[1], JSON.parse(readFileSync('package.json')).dependencies['@noble/curves'], 'another version is tested here');
  for (const variable of ['DAPP', 'NETWORK', 'ROOTS']) assert(setup.includes(`${variable}=`), `the page does not set ${variable}`);
  return scripts.join('\n');
}

function seller() {
  const { did } = fairstream('id', 'new', 'acme');
  const credential = join(folder, 'acme.vc');
  writeFileSync(credential, fairstream('credential', 'issue', '--as', 'issuer1', '--subject', did).credential);
  fairstream('register', 'seller', '--as', 'acme', '--credential', credential);
  const offer = (...words) => fairstream('offer', 'create', '--as', 'acme', '--mode', 'one-off', ...words).offer;
  offer('--topic', 'factory/press-3', '--price', '1000', '--title', 'Press 3', '--latitude', '48.137', '--longitude', '11.575');
  const boiler = offer('--topic', 'factory/boiler-7', '--price', '2500000', '--title', 'Boiler 7: temperature and pressure',
    '--latitude', '48.137', '--longitude', '11.575');
  writeFileSync(sold, randomBytes(6_000_000));
  fairstream('upload', sold, '--as', 'acme', '--offer', boiler);
  return did;
}

/// A seller's live stream, in the background: a reading every 100 ms under keys that last two seconds.
function stream() {
  const { offer } = fairstream('offer', 'create', '--as', 'acme', '--mode', 'stream', '--window', '1h', '--topic', 'live/boiler-7',
    '--price', '360000', '--title', 'Boiler 7, live');
  return spawn(join(programs, 'fairstream'), ['stream', '--as', 'acme', '--offer', offer, '--key-epoch', '2s', '--every', '100ms',
    '--network', net, '--json', '--', 'sh', '-c', `echo "reading $(date +%s%N)" | tee -a ${said}`], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function eventually(what, holds) {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((wake) => setTimeout(wake, 100))) if (holds()) return;
  assert.fail(`did not come true: ${what}`);
}

let live;
async function main() {
  const script = write(blocks());
  say('starting a network');
  const { network, dapp } = fairstream('network', 'up');
  const acme = seller();
  live = stream();
  const environment = { ...process.env, DAPP: dapp.url, NETWORK: network, ROOTS: join(net, 'public/roots.pem') };
  const curl = (path) => JSON.parse(execFileSync('curl', ['-sS', '--fail-with-body', '--cacert', environment.ROOTS, dapp.url + path],
    { encoding: 'utf8' }));
  await eventually('the read model has the batch', () => curl('/api/v1/offers?q=boiler&mode=one-off').offers[0]?.batches === 1);
  await eventually('the read model has the stream', () => curl('/api/v1/offers?q=boiler&mode=stream').offers.length === 1);

  say('running the page');
  const bash = (text) => spawnSync('bash', ['-euo', 'pipefail', '-c', text],
    { cwd: work, env: environment, stdio: ['ignore', 'inherit', 'inherit'], timeout: 240_000 });
  const before = fairstream('wallet', 'balance', acme).balance_micro;
  assert.equal(bash(script).status, 0, 'the page does not run');
  assert(readFileSync(sold).equals(readFileSync(join(work, 'bought'))), 'what was bought is not what was sold');
  assert(fairstream('wallet', 'balance', acme).balance_micro > before, 'the seller was not paid');
  assert(fairstream('wallet', 'audit').conserved);
  const { purchase } = JSON.parse(readFileSync(join(work, 'purchase.json'))).response;
  assert.equal(purchase.state, 'SETTLED');
  await eventually('the DApp shows the purchase as settled', () => curl(`/api/v1/purchases/${purchase.id}`).state === 'settled');

  const heard = readFileSync(join(work, 'live/live.txt'), 'utf8');
  assert(heard.split('\n').length > 10, `only this was heard: ${heard}`);
  assert(readFileSync(said, 'utf8').includes(heard), 'what was heard live is not what was said, in order and complete');

  say('what it must refuse');
  const refuses = (text, why) => {
    const { status, stderr } = spawnSync('bash', ['-c', text], { cwd: work, env: environment, encoding: 'utf8' });
    assert.notEqual(status, 0, `not refused: ${text}`);
    assert.match(stderr, why);
  };
  const edit = (file, change) => {
    const value = JSON.parse(readFileSync(join(work, file)));
    change(value);
    writeFileSync(join(work, file), JSON.stringify(value));
  };
  edit('buy.call.json', (call) => { call.arguments.price_micro -= 1; });
  refuses('node sign.mjs buy', /prepared something else than was asked for/);
  edit('releases.json', ({ releases }) => { releases[0].b = releases[1].b; });
  refuses('node open.mjs', /not the stream's key/);
  const bytes = readFileSync(join(work, 'frames.bin'));
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(join(work, 'frames.bin'), bytes);
  refuses('node decrypt.mjs', /the Merkle root is wrong/);
}

try {
  await main();
  say('the page holds');
} finally {
  live?.kill('SIGKILL');
  spawnSync(join(programs, 'fairstream'), ['network', 'down', '--network', net]);
  rmSync(folder, { recursive: true, force: true });
}
