import { Findings } from './findings.js';
import type { Verdict } from './history.js';

/** The answer to a command on a key that nobody else writes, and what it had to be. */
export interface MirrorAnswer {
  readonly client: number;
  readonly call: number;
  readonly command: string;
  readonly answer: string | number | null;
  readonly expected: string | number | null;
}

/** A key with one writer answers what that writer has made of it, byte for byte. */
export function checkMirror(answers: readonly MirrorAnswer[]): Verdict {
  const findings = new Findings('mirror');
  for (const { client, call, command, answer, expected } of answers) {
    if (answer === expected) continue;
    const shown = `client ${client} [${call}] ${command} → ${brief(answer)}, not ${brief(expected)}`;
    findings.add('bytes', `${command} was answered ${difference(answer, expected)}`, [shown]);
  }
  return { violations: findings.violations(), checked: answers.length, gaveUp: [] };
}

function difference(answer: MirrorAnswer['answer'], expected: MirrorAnswer['expected']): string {
  if (typeof answer !== 'string' || typeof expected !== 'string') return 'otherwise';
  if (answer.length !== expected.length) return `${answer.length} bytes, not ${expected.length}`;
  let at = 0;
  while (answer[at] === expected[at]) at++;
  return `wrongly from byte ${at} on`;
}

/** What may be as long as a value. */
function brief(answer: MirrorAnswer['answer']): string {
  if (typeof answer !== 'string') return String(answer);
  return answer.length <= 40 ? answer : `${answer.slice(0, 40)}… (${answer.length})`;
}
