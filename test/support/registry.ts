// A registry of npm on this machine: the packages that are installed in the repository, and tarballs.
// Tests install from it by name, without the network.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Manifest {
  readonly name: string
  readonly version: string
}

interface Published {
  readonly manifest: Manifest
  readonly tarball: Buffer
}

export class Registry {
  /** Name and version → what makes the package; it is packed when it is asked for. */
  readonly #packages = new Map<string, Map<string, () => Published>>()
  readonly #server = http.createServer((request, response) => this.#answer(request, response))

  /** Starts a registry with all that is installed in the repository. */
  static async start(tarballs: readonly string[]): Promise<Registry> {
    const registry = new Registry()
    for (const path of installedPaths()) registry.#addInstalled(path)
    for (const path of tarballs) registry.#addTarball(path)
    registry.#server.listen(0, '127.0.0.1')
    await once(registry.#server, 'listening')
    onTestFinished(() => void registry.#server.close())
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  #add({ name, version }: Manifest, make: () => Published): void {
    let published: Published | undefined
    const versions = this.#packages.get(name) ?? new Map()
    versions.set(version, () => {
      published ??= make()
      return published
    })
    this.#packages.set(name, versions)
  }

  #addInstalled(path: string): void {
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
    this.#add(manifest, () => {
      const args = [
        '-czf',
        '-',
        '-C',
        path,
        '--exclude=./node_modules',
        '--transform=s,^\\.,package,',
        '.',
      ]
      return { manifest, tarball: execFileSync('tar', args, { maxBuffer: 256 * 1024 * 1024 }) }
    })
  }

  #addTarball(path: string): void {
    const text = execFileSync('tar', ['-xzOf', path, 'package/package.json'], { encoding: 'utf8' })
    const manifest = JSON.parse(text)
    this.#add(manifest, () => ({ manifest, tarball: readFileSync(path) }))
  }

  #answer({ url = '' }: http.IncomingMessage, response: http.ServerResponse): void {
    const [, name = '', version] =
      /^\/((?:@[^/]+(?:\/|%2f))?[^/]+)(?:\/-\/(.+)\.tgz)?$/i.exec(url) ?? []
    const versions = this.#packages.get(decodeURIComponent(name))
    if (versions === undefined) response.writeHead(404).end('{}')
    else if (version === undefined) response.end(JSON.stringify(this.#document(versions)))
    else response.end(versions.get(version)?.().tarball)
  }

  #document(versions: ReadonlyMap<string, () => Published>): object {
    const entries = [...versions].map(([version, make]) => {
      const { manifest, tarball } = make()
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
      const shasum = createHash('sha1').update(tarball).digest('hex')
      const dist = { tarball: `${this.url}${manifest.name}/-/${version}.tgz`, integrity, shasum }
      return [version, { ...manifest, dist }] as const
    })
    const [latest] = [...versions.keys()]
    const name = entries[0]?.[1].name
    return { name, 'dist-tags': { latest }, versions: Object.fromEntries(entries) }
  }
}

/** The packages of package-lock.json that are there, but for those of the workspace; nested ones last. */
function installedPaths(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages as Record<string, { link?: boolean }>)
    .filter(([path, { link }]) => path.startsWith('node_modules/') && !link)
    .map(([path]) => join(root, path))
    .filter((path) => existsSync(join(path, 'package.json')))
    .sort((a, b) => a.split('node_modules').length - b.split('node_modules').length)
}
