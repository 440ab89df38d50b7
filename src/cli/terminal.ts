/**
 * stderr: log lines, messages and at most one progress bar, which steps aside for whatever else is written.
 */
import { SingleBar } from 'cli-progress'
import type { Clock } from '../engine/ports.ts'

export interface Terminal {
  /** Whether a person looks at it. */
  readonly isTerminal: boolean
  /** Whole lines. */
  write(text: string): void
  /** Draws the bar anew; a first call makes it. */
  draw(bar: BarState): void
  /** Takes the bar away. */
  clear(): void
}

export interface BarState {
  readonly title: string
  readonly done: number
  readonly total: number
  readonly words: string
}

export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  const isTerminal = stream.isTTY
  let bar: SingleBar | undefined
  return {
    isTerminal,
    write(text) {
      // The bar draws itself again a moment later.
      stream.write(bar === undefined ? text : `\r\x1b[K${text}`)
    },
    draw({ title, done, total, words }) {
      if (bar === undefined) {
        bar = createBar(stream, title)
        bar.start(total, done, { words })
      }
      bar.setTotal(total)
      bar.update(done, { words })
    },
    clear() {
      bar?.stop()
      bar = undefined
    },
  }
}

function createBar(stream: NodeJS.WriteStream, title: string): SingleBar {
  return new SingleBar({
    format: `${title} [{bar}] {percentage} % {words}`,
    stream,
    fps: 5,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    forceRedraw: true,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
  })
}

/** What takes less is not worth a bar. */
const QUIET_MS = 2_000
const LINE_EVERY_MS = 10_000

export interface Progress extends Disposable {
  update(done: number, total: number, words: string): void
}

export interface ProgressPlace {
  readonly terminal: Terminal
  readonly clock: Clock
  /** Where lines go when nobody looks. */
  readonly tell: (line: string) => void
}

/** A bar on a terminal, lines now and then elsewhere; nothing for what is done within two seconds. */
export function startProgress(title: string, { terminal, clock, tell }: ProgressPlace): Progress {
  const started = clock.monotonicMs()
  let toldMs = started - LINE_EVERY_MS
  return {
    update(done, total, words) {
      const now = clock.monotonicMs()
      if (now - started < QUIET_MS) return
      if (terminal.isTerminal) {
        terminal.draw({ title, done, total, words })
      } else if (now - toldMs >= LINE_EVERY_MS) {
        toldMs = now
        tell(`${title}: ${percent(done, total)} ${words}`)
      }
    },
    [Symbol.dispose]: () => terminal.clear(),
  }
}

function percent(done: number, total: number): string {
  return `${total === 0 ? 100 : Math.floor((100 * done) / total)} %`
}
