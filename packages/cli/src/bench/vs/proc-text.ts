/** What Linux writes into /proc. Times are in ticks of 10 ms, which every build of it for servers uses here. */

const TICKS_PER_SECOND = 100;

/**
 * Seconds that all cores together were not idle, from /proc/stat. Interrupts count, since those that a
 * process is interrupted by are in its own time as well, and so does stolen time: another machine has it.
 */
export function parseBusySeconds(text: string): number {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) throw new Error('/proc/stat has no line for all cores');
  const [user = 0, nice = 0, system = 0, , , ...others] = line.split(' ').map(Number);
  // What guests use, the fields behind these three, is in `user` already.
  const [irq = 0, softirq = 0, steal = 0] = others;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Seconds of CPU of a process with its children that have ended, from /proc/PID/stat. */
export function parseCpuSeconds(text: string): number {
  // The name in brackets may hold spaces and brackets; the 14th field is the 12th after it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).map(Number);
  if (ticks.length !== 4 || ticks.some(Number.isNaN)) {
    throw new Error(`/proc/PID/stat reads ${text}`);
  }
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND;
}

/** Write system calls of a process, from /proc/PID/io. */
export function parseWriteCalls(text: string): number {
  const count = /^syscw: (\d+)$/m.exec(text)?.[1];
  if (count === undefined) throw new Error('/proc/PID/io does not count write calls');
  return Number(count);
}

/** Resident bytes of a process, its own and those of mapped files, from /proc/PID/status. */
export function parseMemory(text: string): { readonly own: number; readonly mapped: number } {
  const bytesOf = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kib === undefined) throw new Error(`/proc/PID/status has no ${name}`);
    return Number(kib) * 1024;
  };
  return { own: bytesOf('RssAnon'), mapped: bytesOf('RssFile') };
}

/** From /proc/PID/task/TID/children. */
export function parseChildren(text: string): number[] {
  return text
    .split(' ')
    .filter((word) => word.trim() !== '')
    .map(Number);
}
