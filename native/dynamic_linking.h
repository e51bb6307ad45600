#ifndef HANDOFF_NATIVE_DYNAMIC_LINKING_H_
#define HANDOFF_NATIVE_DYNAMIC_LINKING_H_

// dlfcn.h for an addon that is built once. glibc 2.34 has moved these functions from libdl.so.2 into libc.so.6
// under new versions, which older releases do not have. Both have the old versions, and node is linked with
// both libraries.

#include <dlfcn.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define HANDOFF_OLD_VERSION "GLIBC_2.2.5"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define HANDOFF_OLD_VERSION "GLIBC_2.17"
#endif

#ifdef HANDOFF_OLD_VERSION
__asm__(".symver dlsym, dlsym@" HANDOFF_OLD_VERSION);
__asm__(".symver dlopen, dlopen@" HANDOFF_OLD_VERSION);
__asm__(".symver dladdr, dladdr@" HANDOFF_OLD_VERSION);
#endif

#endif  // HANDOFF_NATIVE_DYNAMIC_LINKING_H_
