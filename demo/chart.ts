/** Columns of characters: a value per day, as high as it is. */
const HEIGHT = 10
const EIGHTHS = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

export interface ChartPoint {
  /** Two characters below the column. */
  readonly label: string
  readonly value: number
}

/** Lines of a chart; what is below zero is drawn as nothing. */
export function chartLines(points: readonly ChartPoint[]): string[] {
  const top = niceTop(Math.max(0, ...points.map(({ value }) => value)))
  const lines: string[] = []
  for (let row = HEIGHT - 1; row >= 0; row -= 1) {
    // Every other line says where it is.
    const label = row % 2 === 1 ? String(Math.round((top * (row + 1)) / HEIGHT)) : ''
    const cells = points.map(({ value }) => cell((value / top) * HEIGHT - row))
    lines.push(`${label.padStart(5)} |${cells.join('')}`.trimEnd())
  }
  lines.push(`    0 +${'---'.repeat(points.length)}`)
  lines.push(`       ${points.map(({ label }) => label.padEnd(3)).join('')}`.trimEnd())
  return lines
}

/** Two characters wide, and a gap. */
function cell(filled: number): string {
  const eighths = Math.max(0, Math.min(8, Math.round(filled * 8)))
  return (EIGHTHS[eighths] ?? '').repeat(2).padEnd(3)
}

/** The next number that divides well. */
function niceTop(value: number): number {
  const steps = [10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 400, 500]
  return steps.find((step) => step >= value) ?? Math.ceil(value / 500) * 500
}
