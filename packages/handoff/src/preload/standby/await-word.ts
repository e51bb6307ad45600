// The preload behind the loader of a process that was started ahead: from here on it waits.

import { awaitWord } from './standby.ts'

awaitWord()
