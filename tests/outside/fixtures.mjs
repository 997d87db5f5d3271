// What Fairstream made for this run, and how it judges what others made.
import { execFileSync } from 'node:child_process';

const program = process.env.FS_OUTSIDE_FIXTURES;
if (!program) throw new Error('FS_OUTSIDE_FIXTURES names the program fs_outside_fixtures; run tests/outside/run');

const call = (mode, input) => JSON.parse(execFileSync(program, [mode], { input: input ?? '', encoding: 'utf8' }));

export const fixtures = call('make');
export const check = (made) => call('check', JSON.stringify(made));

export const fromHex = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
export const toHex = (bytes) => Buffer.from(bytes).toString('hex');
export const utf8 = (text) => new TextEncoder().encode(text);
export const concat = (...parts) => Uint8Array.from(Buffer.concat(parts));

/// lp(x, y, ...): each part as u32 big-endian length, then its bytes.
export const lp = (...parts) => concat(...parts.flatMap((part) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return [length, part];
}));
