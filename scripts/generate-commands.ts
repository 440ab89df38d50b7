/**
 * `npx tsx scripts/generate-commands.ts`: writes `docs/commands.md` from the commands themselves, so that the page cannot
 * say anything else than `--help`. A test fails while it is stale.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { commandsPage } from './commands-page.ts'

const FILE = path.join(path.dirname(import.meta.dirname), 'docs', 'commands.md')

/** Laid out as the format check wants it. */
export async function generateCommands(): Promise<string> {
  const config = await resolveConfig(FILE)
  return format(commandsPage(), { ...config, filepath: FILE })
}

if (process.argv[1] === import.meta.filename) {
  await writeFile(FILE, await generateCommands())
  console.log('wrote docs/commands.md')
}
