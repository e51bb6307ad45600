// Reports to worker threads that the program in the main thread has created its own handoff.

/** Key of the environment data that worker threads receive at their start. */
export const ownHandoffKey = 'socket-handoff:programs-own'
