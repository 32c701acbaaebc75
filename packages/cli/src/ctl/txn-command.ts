import { createInterface, type Interface } from 'node:readline/promises';
import { errorMessage } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { LineError } from './command-line.js';
import { type CtlOptions, type CtlTools, print } from './tools.js';
import { TxnSession, VERBS_HELP } from './txn-session.js';

const HELP = `
Commands, one a line:
${VERBS_HELP}
  exit                      ends; so does Ctrl-D. What is not committed is forgotten

A word in double quotes may hold blanks and the escapes \\n \\t \\r \\" \\\\ and \\xNN. A # begins a comment.
From a terminal a mistake costs the line alone. From a file or a pipe it ends the program, and nothing that
follows is carried out.

Examples:
  tinykv ctl txn
  printf 'begin\\nput a 1\\nget a\\ncommit\\n' | tinykv ctl txn

Exit codes: 0 ok, 1 failure, 2 a line that cannot be understood, 3 the cluster cannot be reached.`;

/** `tinykv ctl txn`: transactions by hand. */
export function txnCommand(tools: CtlTools): Command {
  const txn = new Command('txn')
    .description('transactions by hand, a command a line')
    .addHelpText('after', HELP);
  return txn.action(() =>
    tools.onCluster(txn, async (client, options) => {
      const session = new TxnSession(client.txn, options);
      const isTerminal = process.stdin.isTTY;
      const { stdin: input, stdout: output } = process;
      const lines = createInterface(isTerminal ? { input, output } : { input });
      try {
        return await (isTerminal ? talk(lines, session, options) : obey(lines, session, options));
      } finally {
        lines.close();
        const left = session.end();
        if (left !== undefined) print(options, left.value, left.text);
      }
    }),
  );
}

/** Lines of a person, with their history: what fails is said, and the next line is asked for. */
async function talk(lines: Interface, session: TxnSession, options: CtlOptions): Promise<number> {
  const prompt = (): void => {
    lines.setPrompt(session.startTs === undefined ? 'tinykv> ' : `txn ${session.startTs}> `);
    lines.prompt();
  };
  prompt();
  for await (const line of lines) {
    if (isExit(line)) break;
    try {
      await runLine(line, session, options);
    } catch (error) {
      process.stderr.write(`${errorMessage(error)}\n`);
    }
    prompt();
  }
  return EXIT.ok;
}

/** Lines of a program: the first that fails is the last. */
async function obey(lines: Interface, session: TxnSession, options: CtlOptions): Promise<number> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (isExit(line)) break;
    try {
      await runLine(line, session, options);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      process.stderr.write(`tinykv: line ${number}: ${error.message}\n`);
      return EXIT.usage;
    }
  }
  return EXIT.ok;
}

async function runLine(line: string, session: TxnSession, options: CtlOptions): Promise<void> {
  const result = await session.run(line);
  if (result !== undefined) print(options, result.value, result.text);
}

function isExit(line: string): boolean {
  return ['exit', 'quit'].includes(line.trim());
}
