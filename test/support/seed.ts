/**
 * Where chance of a test comes from: the same in every run, so that whether a change may land does not hang on luck.
 * `TIDEMARK_SEED` gives another one.
 */
export const SEED = Number(process.env['TIDEMARK_SEED'] ?? 1)
