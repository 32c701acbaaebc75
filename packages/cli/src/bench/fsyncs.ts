/** fsyncs of the Raft logs of all stores since their starts, from their status pages; undefined when one does not say. */
export async function countFsyncs(statusPages: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const page of statusPages) {
    const count = await fsyncsOf(page);
    if (count === undefined) return undefined;
    total += count;
  }
  return statusPages.length === 0 ? undefined : total;
}

/** A status page that does not answer costs the figure, not the measurement. */
async function fsyncsOf(page: string): Promise<number | undefined> {
  try {
    const text = await (await fetch(`http://${page}/metrics`)).text();
    const line = /^tinykv_raft_log_fsyncs (\d+)/m.exec(text);
    return line === null ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}
