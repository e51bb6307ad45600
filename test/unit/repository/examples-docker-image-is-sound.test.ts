import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type Copy,
  DockerfileParser,
  type From,
  type Instruction,
  type JSONInstruction,
} from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import { expect, test } from 'vitest'
import { makeCommandLine } from '../../../packages/handoff/src/cli/command-line.ts'

const text = readFileSync(
  fileURLToPath(new URL('../../../examples/docker/Dockerfile', import.meta.url)),
  'utf8',
)
const instructions = DockerfileParser.parse(text).getInstructions()
const start = instructions.findLastIndex((instruction) => instruction.getKeyword() === 'FROM')
/** Those of the image itself. */
const final = instructions.slice(start)

function only(keyword: string): Instruction {
  const found = final.filter((instruction) => instruction.getKeyword() === keyword)
  expect(found, keyword).toHaveLength(1)
  return found[0] as Instruction
}

/** The words of the exec form; a shell would be PID 1 otherwise, and keep the signals. */
function exec(instruction: Instruction): string[] {
  const json = instruction as JSONInstruction
  expect(json.getOpeningBracket(), `${instruction.getKeyword()} in exec form`).not.toBeNull()
  return json.getJSONStrings().map((argument) => argument.getJSONValue())
}

test('the validator has nothing to say', () => {
  expect(validate(text)).toEqual([])
  expect(
    validate(text.replace('STOPSIGNAL SIGTERM', 'STOPSIGNL SIGTERM')),
    'it looks',
  ).toHaveLength(1)
})

test('no image has a compiler, and the first stage installs by the lock file', () => {
  const stages = instructions.filter((instruction) => instruction.getKeyword() === 'FROM') as From[]
  const images = stages.map((from) => from.getImage())
  expect(images).toEqual(['node:22-bookworm-slim', 'node:22-bookworm-slim'])
  const build = instructions.slice(0, start).map((instruction) => instruction.getArgumentsContent())
  expect(build).toContain('npm ci --omit=dev')
  const [copy] = final.filter((instruction) => instruction.getKeyword() === 'COPY') as Copy[]
  expect(copy?.getFromFlag()?.getValue()).toBe(stages[0]?.getBuildStage())
})

test('PID 1 is the supervisor itself, with flags that it understands', () => {
  const words = [...exec(only('ENTRYPOINT')), ...exec(only('CMD'))]
  const [command, ...args] = words
  expect(command).toBe('node_modules/.bin/handoff')
  const program = makeCommandLine('0.0.0', () => {})
  const seen: unknown[] = []
  program.commands
    .find((each) => each.name() === 'run')
    ?.action((entry, rest, options) => {
      seen.push(entry, rest, options)
    })
  program.parse(args, { from: 'user' })
  expect(seen).toEqual(['server.js', [], { name: 'web', drainTimeout: 30_000 }])
  expect(only('STOPSIGNAL').getArgumentsContent()).toBe('SIGTERM')
})

test('the health check asks the server, without a shell', () => {
  const [, words = ''] =
    /^CMD (\[.*\])$/.exec(only('HEALTHCHECK').getArgumentsContent() ?? '') ?? []
  const [node, flag, script = ''] = JSON.parse(words)
  expect([node, flag]).toEqual(['node', '-e'])
  expect(script).toContain(`127.0.0.1:${only('EXPOSE').getArgumentsContent()}/health`)
  expect(() => new Function(script)).not.toThrow()
})

test('the server is nobody’s but its user’s, and so is its run directory', () => {
  const user = only('USER').getArgumentsContent()
  expect(user).toBe('node')
  expect(final.indexOf(only('USER'))).toBeLessThan(final.indexOf(only('ENTRYPOINT')))
  const [directory] = final
    .filter((instruction) => instruction.getKeyword() === 'ENV')
    .flatMap(
      (instruction) =>
        /^HANDOFF_DIR=(\S+)$/.exec(instruction.getArgumentsContent() ?? '')?.[1] ?? [],
    )
  expect(only('RUN').getArgumentsContent()).toBe(
    `install -d -m 0700 -o ${user} -g ${user} ${directory}`,
  )
})
