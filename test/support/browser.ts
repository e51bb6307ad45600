// A real Chromium with one page open, and all that it complains of.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type BrowserContextOptions, chromium, type Page, type WebSocket } from 'playwright-core'
import { onTestFailed, onTestFinished } from 'vitest'
import { DEADLINE_MS } from './until.ts'

/** The browser that is installed here, if one is: `CHROMIUM`, else the first on the PATH. */
export const browser = process.env.CHROMIUM || findBrowser()

/** Ends the name of a test that is skipped for want of a browser. */
export const orNoBrowser = browser === undefined ? ' (skipped: no Chromium is installed here)' : ''

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // It is not there: the next one may be.
  }
}

const flags = [
  // Root has no sandbox, and a container may have no user namespaces for one.
  '--no-sandbox',
  // /dev/shm of a container may be too small: 64 MiB by default.
  '--disable-dev-shm-usage',
  // A test talks to its own server and to nobody else.
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-sync',
]

/** Opens a page in a browser of its own, which ends with the test. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  if (browser === undefined) throw new Error('no Chromium is installed here')
  const started = await chromium.launch({ executablePath: browser, args: flags })
  onTestFinished(() => started.close())
  const page = await started.newPage(options)
  page.setDefaultTimeout(DEADLINE_MS)
  const visit = new Visit(page)
  onTestFailed(() => console.error(`complaints of ${url}:\n${visit.complaints.join('\n')}`))
  await page.goto(url)
  return visit
}

export class Visit {
  /** Whatever stands in the console, was thrown, or failed on the network. */
  readonly complaints: string[] = []
  /** For each WebSocket that the page opened, what came over it. */
  readonly webSockets: string[][] = []
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
    const complain = (text: string) => void this.complaints.push(text)
    page.on('console', (message) => complain(`console ${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => complain(`thrown: ${error}`))
    page.on('crash', () => complain('the page crashed'))
    page.on('requestfailed', (request) =>
      complain(`${request.url()}: ${request.failure()?.errorText}`),
    )
    page.on('response', (response) => {
      if (response.status() >= 400) complain(`${response.url()}: status ${response.status()}`)
    })
    page.on('websocket', (socket) => this.#listen(socket))
  }

  /** Resolves when the element with this id shows this text. */
  async shows(id: string, text: string): Promise<void> {
    await this.#page.locator(`#${id}`, { hasText: text }).waitFor()
  }

  /** What every element with an id shows, of one moment. */
  async shown(): Promise<Record<string, string>> {
    const entries = await this.#page
      .locator('[id]')
      .evaluateAll((all: { id: string; textContent: string }[]) =>
        all.map(({ id, textContent }) => [id, textContent] as const),
      )
    return Object.fromEntries(entries)
  }

  /** What an expression evaluates to in the page. */
  async run<T>(expression: string): Promise<T> {
    return await this.#page.evaluate<T>(expression)
  }

  #listen(socket: WebSocket): void {
    const received: string[] = []
    this.webSockets.push(received)
    socket.on('framereceived', ({ payload }) => void received.push(String(payload)))
    socket.on('socketerror', (error) => void this.complaints.push(`WebSocket: ${error}`))
    socket.on('close', () => void this.complaints.push('a WebSocket was closed'))
  }
}
