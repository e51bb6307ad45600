// Tells worker threads that the program, in the main thread, has a handoff of its own.

/** The key of the environment data that worker threads get at their start. */
export const programsOwn = 'socket-handoff:programs-own'
