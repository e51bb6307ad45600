import { connection } from 'next/server'

export default async function Page() {
  await connection() // rendered for each request
  return <p>served by process {process.pid}</p>
}
