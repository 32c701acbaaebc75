/** What each of several candidates came to, in each round. */
export type Figures = ReadonlyMap<string, readonly number[]>;

/**
 * Measures the candidates in turns, round after round: figures of a machine that others use as well drift within minutes, so
 * only what was taken within seconds is compared. One round before the first does not count.
 */
export async function measureInTurns(
  names: readonly string[],
  rounds: number,
  measure: (name: string, round: number) => Promise<number>,
): Promise<Figures> {
  const figures = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const figure = await measure(name, round);
      if (round > 0) figures.get(name)!.push(figure);
    }
  }
  return figures;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of the rounds' ratios. */
export function ratio(figures: Figures, name: string, base: string): number {
  const bases = figures.get(base)!;
  return median(figures.get(name)!.map((figure, round) => figure / bases[round]!));
}

/** One line: the median of each candidate, and beside all but the first its ratio to the first. */
export function describeRow(row: string, figures: Figures, unit: string): string {
  const names = [...figures.keys()];
  const cells = names.map((name) => {
    const figure = `${name} ${median(figures.get(name)!).toPrecision(3)}`;
    return name === names[0] ? figure : `${figure} (${ratio(figures, name, names[0]!).toFixed(2)})`;
  });
  return `${row.padEnd(14)} ${unit.padEnd(8)} ${cells.map((cell) => cell.padEnd(24)).join('')}`.trimEnd();
}
