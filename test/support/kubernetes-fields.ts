// The fields of Kubernetes objects that the examples use, nested as in the API reference. Published
// schemas let unknown fields pass, and so does `kubectl apply --validate=ignore`: a typo would be
// no setting at all.

/** `null`: a value; `{ '*': … }`: any name; `[…]`: a list of such objects. */
export type Fields = null | readonly [Fields] | { readonly [name: string]: Fields }

const labels = { '*': null }
const httpProbe = {
  httpGet: { path: null, port: null },
  periodSeconds: null,
  timeoutSeconds: null,
  failureThreshold: null,
}
const container = {
  name: null,
  image: null,
  restartPolicy: null,
  command: null,
  args: null,
  env: [{ name: null, value: null }],
  ports: [{ name: null, containerPort: null }],
  readinessProbe: httpProbe,
  livenessProbe: httpProbe,
  lifecycle: { preStop: { sleep: { seconds: null }, exec: { command: null } } },
  resources: { requests: { cpu: null, memory: null }, limits: { cpu: null, memory: null } },
  securityContext: {
    allowPrivilegeEscalation: null,
    readOnlyRootFilesystem: null,
    capabilities: { drop: null },
  },
  volumeMounts: [{ name: null, mountPath: null, readOnly: null }],
} as const satisfies Fields

const common = { apiVersion: null, kind: null, metadata: { name: null, labels } }

/** By `kind`: apps/v1 Deployment, v1 Service, v1 ConfigMap. */
export const fieldsOf: Readonly<Record<string, Fields>> = {
  Deployment: {
    ...common,
    spec: {
      replicas: null,
      selector: { matchLabels: labels },
      strategy: { type: null, rollingUpdate: { maxSurge: null, maxUnavailable: null } },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: null,
          securityContext: {
            runAsNonRoot: null,
            runAsUser: null,
            runAsGroup: null,
            seccompProfile: { type: null },
          },
          initContainers: [container],
          containers: [container],
          volumes: [
            {
              name: null,
              emptyDir: { medium: null, sizeLimit: null },
              configMap: { name: null },
            },
          ],
        },
      },
    },
  },
  Service: {
    ...common,
    spec: { selector: labels, ports: [{ name: null, port: null, targetPort: null }] },
  },
  ConfigMap: { ...common, data: { '*': null } },
}

/** The paths of what is not in `fields`, or is a list or an object where it should not be. */
export function unknownFields(value: unknown, fields: Fields, path = ''): string[] {
  if (fields === null) return isMap(value) ? [path] : []
  if (Array.isArray(fields)) {
    if (!Array.isArray(value)) return [path]
    return value.flatMap((item, i) => unknownFields(item, fields[0], `${path}[${i}]`))
  }
  if (!isMap(value)) return [path]
  const known = fields as Readonly<Record<string, Fields>>
  return Object.entries(value).flatMap(([name, item]) => {
    const inner = `${path}.${name}`
    const field = '*' in known ? known['*'] : known[name]
    return field === undefined ? [inner] : unknownFields(item, field, inner)
  })
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
