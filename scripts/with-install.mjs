/**
 * `node scripts/with-install.mjs COMMAND [ARGS...]`: runs COMMAND after making sure that node_modules is what
 * package-lock.json says, so that `npm test` and `npm run demo` work straight after `git clone`. Plain Node: it has to
 * run before anything is installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** npm's own record of what it installed is compared by content: times mean nothing after a checkout. */
function isInstalled() {
  const installedFile = path.join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return false
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages
  return Object.entries(wanted).every(
    ([place, { version, optional, peer }]) =>
      place === '' || optional || peer || installed[place]?.version === version,
  )
}

function run(command, args) {
  const bin = path.join(root, 'node_modules', '.bin')
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
    shell: process.platform === 'win32',
  })
  if (error) process.stderr.write(`with-install: ${command} did not start: ${error.message}\n`)
  return status ?? (signal === 'SIGINT' ? 130 : 1)
}

// Ctrl-C reaches the child through the terminal; this process waits for it to finish cleanly.
process.on('SIGINT', () => undefined)

const [command, ...args] = process.argv.slice(2)
if (command === undefined) {
  process.stderr.write('usage: node scripts/with-install.mjs COMMAND [ARGS...]\n')
  process.exit(2)
}
if (!isInstalled()) {
  process.stderr.write('Installing what package-lock.json names (npm ci) ...\n')
  const code = run('npm', ['ci', '--no-audit', '--no-fund'])
  if (code !== 0) process.exit(code)
}
process.exit(run(command, args))
