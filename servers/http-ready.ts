/** Whether an address answers with success now; one that nobody listens at does not. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}
