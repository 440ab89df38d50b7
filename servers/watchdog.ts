/**
 * No server outlives the program that started it, however that program ends. Each program has one watchdog, a shell
 * that reads pids from a pipe: the pipe closes with the program, also when that is killed, and the shell then kills
 * what it still knows. It has a session of its own, so that Ctrl-C does not end it first.
 */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

const SCRIPT = `
pids=
while read -r verb pid; do
  case $verb in
    watch) pids="$pids $pid" ;;
    forget) rest=; for one in $pids; do [ "$one" = "$pid" ] || rest="$rest $one"; done; pids=$rest ;;
  esac
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null`

let pipe: Writable | undefined

function watchdog(): Writable {
  if (pipe === undefined) {
    const shell = spawn('sh', ['-c', SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    shell.unref()
    pipe = shell.stdin
    // Neither the shell nor its pipe keeps the program alive.
    if (pipe instanceof Socket) pipe.unref()
    pipe.on('error', () => undefined)
  }
  return pipe
}

export function watch(pid: number): void {
  watchdog().write(`watch ${pid}\n`)
}

/** The process has ended: its pid may soon be another's. */
export function forget(pid: number): void {
  watchdog().write(`forget ${pid}\n`)
}
