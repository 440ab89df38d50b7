/** What the doctor says about one thing that it looked at. */
export interface Finding {
  readonly check: string
  readonly verdict: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do; only where something is wrong or could be better. */
  readonly advice?: string
  /** A setting of the pipeline file that the sample asks for. */
  readonly suggests?: { readonly key: string; readonly value: string }
}
