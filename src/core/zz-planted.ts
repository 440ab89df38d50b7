export async function planted(): Promise<number> {
  setTimeout(() => undefined, 1)
  return Date.now() + Math.random() + new Date().getTime() + performance.now() + Number(process.env['A']) + crypto.getRandomValues(new Uint8Array(1)).length
}
