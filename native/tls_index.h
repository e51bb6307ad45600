// Finds TLS connections of this process by the Finished message that the server wrote.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tls_connection.h"

namespace handoff {

// Adds a connection that this thread serves, with the Finished that it has now: remove it before that
// changes.
void AddToIndex(TlsConnection* connection);

// Removes a connection, on any thread. Has no effect if it was not added.
void RemoveFromIndex(const TlsConnection* connection);

// Returns the connection of this thread with this Finished; null if there is none, or, what cannot be, more
// than one. It is valid until its SSL is freed.
TlsConnection* FindInIndex(const uint8_t* finished, size_t length);

// Returns how many connections of all threads are in the index.
size_t IndexSize();

}  // namespace handoff
