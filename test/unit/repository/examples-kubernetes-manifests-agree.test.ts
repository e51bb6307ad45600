import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { openRunDirectory } from '../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import { fieldsOf, unknownFields } from '../../support/kubernetes-fields.ts'

const directory = fileURLToPath(new URL('../../../examples/kubernetes/', import.meta.url))
const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'))

// biome-ignore lint/suspicious/noExplicitAny: what is in the files is checked by this test
type Manifest = any

function read(file: string): Manifest[] {
  const text = readFileSync(join(directory, file), 'utf8')
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([])
  return documents.map((document) => document.toJS())
}

const manifests = files.flatMap(read)
const ofKind = (kind: string) => manifests.find((manifest) => manifest.kind === kind)
const { spec } = ofKind('Deployment')
const pod = spec.template.spec
const [web] = pod.containers
const [reload] = pod.initContainers

test.each(manifests.map((manifest) => [manifest.kind, manifest]))(
  'a %s has known fields alone',
  (kind, manifest) => {
    expect(Object.keys(fieldsOf)).toContain(kind)
    expect(manifest.apiVersion).toBe(kind === 'Deployment' ? 'apps/v1' : 'v1')
    expect(unknownFields(manifest, fieldsOf[kind] ?? {})).toEqual([])
  },
)

test('a field that is misspelt or misplaced is noticed', () => {
  const wrong = { kind: 'Service', spec: { selectors: {}, ports: [{ port: 80, name: { a: 1 } }] } }
  expect(unknownFields(wrong, fieldsOf.Service ?? {})).toEqual([
    '.spec.selectors',
    '.spec.ports[0].name',
  ])
})

test('the deployment and the service mean the same pods', () => {
  const { labels } = spec.template.metadata
  expect(labels).toMatchObject(spec.selector.matchLabels)
  const service = ofKind('Service').spec
  expect(labels).toMatchObject(service.selector)
  const ports = web.ports.map(({ name }: Manifest) => name)
  for (const { targetPort } of service.ports) expect(ports).toContain(targetPort)
  for (const probe of [web.readinessProbe, web.livenessProbe]) {
    expect(ports).toContain(probe.httpGet.port)
  }
})

test('Kubernetes waits until a stop has come to its end', () => {
  const dockerfile = readFileSync(join(directory, '../docker/Dockerfile'), 'utf8')
  const drainSeconds = Number(/"--drain-timeout", "(\d+)s"/.exec(dockerfile)?.[1])
  expect(drainSeconds).toBeGreaterThan(0)
  // docs/cli.md, handoff stop: what is left 10 s after the drain timeout is killed.
  const needed = web.lifecycle.preStop.sleep.seconds + drainSeconds + 10
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed)
})

test('a new pod is ready before an old one goes', () => {
  expect(spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
  expect(web.readinessProbe.httpGet.path).toBe('/health')
})

test('the sidecar reaches the run of the server, and watches what is mounted', () => {
  const handoffDir = (container: Manifest) =>
    container.env.find(({ name }: Manifest) => name === 'HANDOFF_DIR').value
  expect(handoffDir(reload)).toBe(handoffDir(web))
  const mountOf = (container: Manifest, volume: string) =>
    container.volumeMounts.find(({ name }: Manifest) => name === volume).mountPath
  for (const container of [web, reload]) {
    expect(handoffDir(container).startsWith(`${mountOf(container, 'run')}/`)).toBe(true)
    expect(container.securityContext.runAsUser, 'that of the pod').toBeUndefined()
  }
  expect(reload.image).toBe(web.image)
  expect(reload.restartPolicy, 'a sidecar, not a step before the start').toBe('Always')
  const [node, script, watched, name] = reload.command
  expect([node, statSync(join(directory, script)).isFile()]).toEqual(['node', true])
  expect(watched).toBe(mountOf(reload, 'config'))
  expect(name).toBe(ofKind('Deployment').metadata.name)
})

test('every volume that is mounted is there, and what is written lies in one', () => {
  const volumes = new Map(pod.volumes.map((volume: Manifest) => [volume.name, volume]))
  for (const container of [web, reload]) {
    for (const { name } of container.volumeMounts) expect([...volumes.keys()]).toContain(name)
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true)
  }
  expect(web.volumeMounts).toContainEqual({ name: 'tmp', mountPath: '/tmp' })
  const config = volumes.get('config') as Manifest
  expect(config.configMap.name).toBe(ofKind('ConfigMap').metadata.name)
})

test('a volume that Kubernetes opens to all is refused; a directory in it is not', () => {
  const volume = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  onTestFinished(() => rmSync(volume, { recursive: true }))
  chmodSync(volume, 0o777)
  const unsafe = expect.objectContaining({ code: 'ERR_HANDOFF_DIRECTORY_UNSAFE' })
  expect(() => openRunDirectory('web', { HANDOFF_DIR: volume })).toThrow(unsafe)
  const inside = join(volume, 'handoff')
  openRunDirectory('web', { HANDOFF_DIR: inside })
  expect(statSync(inside).mode & 0o777).toBe(0o700)
})
