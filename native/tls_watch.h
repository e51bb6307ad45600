// Follows the TLS connections of this process's servers, by callbacks of OpenSSL.
//
// OpenSSL calls back for each SSL_CTX that is made after the start, so its address need not be known.
// The connections of an SSL_CTX inherit its callback for messages. Those of clients drop it with
// their first record. The callback for secrets is replaced for moments only, and called by ours.
#pragma once

#include <stddef.h>

namespace handoff {

// Follows the connections of all contexts that are made from now on, in all threads, until the process
// ends. Further calls have no effect. Returns null, or why this process cannot: the name of a function
// that it does not have, or "OpenSSL 3". OpenSSL keeps the addresses of functions here: the library
// must not be unloaded afterwards.
const char* WatchTls();

// Returns how many connections are followed now: those of all threads, in a handshake or not.
size_t WatchedTls();

}  // namespace handoff
