/** What all files of an archive have in common; files that contradict each other are no archive of one log. */
import type { ArchiveFileFacts, ArchiveLayout } from '../engine/archive-port.ts'
import { unreadable } from './archived-file.ts'

export interface Agreement {
  readonly hasPositions: boolean
  readonly layout: ArchiveLayout
  readonly hasInstant: boolean
}

interface ExaminedFile {
  readonly path: string
  readonly facts: ArchiveFileFacts
}

/** @throws SOURCE_UNREADABLE */
export function agreement(
  archive: {
    readonly storage: { readonly location: string }
    readonly eventTime: string | undefined
  },
  all: readonly ExaminedFile[],
): Agreement {
  // What has no rows says nothing.
  const files = all.filter(({ facts }) => facts.spans.length > 0)
  const [first] = files
  if (first === undefined) return { hasPositions: true, layout: 'whole', hasInstant: false }
  const { eventTime, storage } = archive
  const isInstant = ({ facts }: ExaminedFile): boolean =>
    eventTime !== undefined && facts.instants.includes(eventTime)
  for (const file of files) {
    const odd = difference(first, file, isInstant)
    if (odd !== undefined)
      throw unreadable(
        `${storage.location}: ${first.path} and ${file.path} differ in ${odd}. Files of one archive are alike; keep them in directories of their own`,
      )
  }
  const lacking = first.facts.lacks.filter((name) =>
    files.every(({ facts }) => facts.lacks.includes(name)),
  )
  if (lacking.length > 0)
    throw unreadable(
      `${storage.location}: the files have no column ${lacking.join(', ')}, which the pipeline reads. If it has another name there, say so: --archive-columns ${lacking[0] ?? ''}=COLUMN`,
    )
  const { hasPositions, layout } = first.facts
  return { hasPositions, layout, hasInstant: isInstant(first) }
}

function difference(
  a: ExaminedFile,
  b: ExaminedFile,
  isInstant: (file: ExaminedFile) => boolean,
): string | undefined {
  if (a.facts.hasPositions !== b.facts.hasPositions)
    return 'whether rows carry partition, offset and timestamp'
  if (a.facts.layout !== b.facts.layout) return 'how they hold values'
  return isInstant(a) === isInstant(b) ? undefined : "the type of the event's time"
}
