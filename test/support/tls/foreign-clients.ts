// All clients that no one here wrote.

import { agent, go, python, undici } from './asked-by-line.ts'
import { curl } from './curl.ts'
import type { Foreign } from './foreign-client.ts'
import { gnutls, sClient } from './terminal.ts'
import { chromium } from './web-page.ts'

export const foreignClients: readonly Foreign[] = [
  curl,
  sClient,
  gnutls,
  python,
  go,
  undici,
  agent,
  chromium,
]
