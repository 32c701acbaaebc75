// `node scripts/step.mjs NAME COMMAND ARGS…`: one step of the build as one line with its time. The command's output is
// shown only when it fails. Plain JavaScript, so that it needs nothing but Node: the first step installs the rest.
import { spawn } from 'node:child_process';

const [name, command, ...args] = process.argv.slice(2);
const isTerminal = process.stdout.isTTY === true;
const hasColours = isTerminal && !process.env.NO_COLOR;
const paint = (colour, text) => (hasColours ? `\x1b[${colour}m${text}\x1b[0m` : text);
const GREEN = 32;
const RED = 31;

const startedAt = performance.now();
const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
const begun = () => process.stdout.write(`\r… ${name.padEnd(12)}${seconds()}\x1b[K`);
if (isTerminal) begun();
const ticking = isTerminal ? setInterval(begun, 1_000) : undefined;

const output = [];
const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of [child.stdout, child.stderr]) {
  stream.on('data', (chunk) => output.push(chunk));
}
let failure;
child.on('error', (error) => {
  failure = `${command}: ${error.message}\n`;
});
child.on('close', (code) => {
  if (failure === undefined) end(code ?? 1, Buffer.concat(output));
  else end(127, failure);
});

function end(code, text) {
  clearInterval(ticking);
  const mark = code === 0 ? paint(GREEN, '✓') : paint(RED, '✗');
  process.stdout.write(`${isTerminal ? '\r\x1b[K' : ''}${mark} ${name.padEnd(12)}${seconds()}\n`);
  if (code !== 0) process.stderr.write(text);
  process.exitCode = code;
}
