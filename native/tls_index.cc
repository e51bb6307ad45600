#include "tls_index.h"

#include <string.h>

#include <mutex>
#include <unordered_map>

namespace handoff {
namespace {

struct Entry {
  TlsConnection* connection;
  // Which thread serves it. Its SSL may be freed by another, at the end of the process.
  const void* thread;
};

struct Index {
  std::mutex mutex;
  std::unordered_multimap<uint64_t, Entry> entries;
};

// Is never destroyed: OpenSSL may free connections after the static objects of this library.
Index& Get() {
  static Index& index = *new Index;
  return index;
}

const void* ThisThread() {
  static thread_local const char mark = 0;
  return &mark;
}

// The first bytes of a Finished are those of an HMAC: no further hash is needed.
uint64_t KeyOf(const uint8_t* finished, size_t length) {
  uint64_t key = 0;
  memcpy(&key, finished, length < sizeof(key) ? length : sizeof(key));
  return key;
}

bool HasFinished(const TlsConnection& connection, const uint8_t* finished, size_t length) {
  return connection.finished_length() == length &&
         memcmp(connection.finished(), finished, length) == 0;
}

}  // namespace

void AddToIndex(TlsConnection* connection) {
  Index& index = Get();
  std::lock_guard<std::mutex> lock(index.mutex);
  uint64_t key = KeyOf(connection->finished(), connection->finished_length());
  index.entries.emplace(key, Entry{connection, ThisThread()});
}

void RemoveFromIndex(const TlsConnection* connection) {
  Index& index = Get();
  std::lock_guard<std::mutex> lock(index.mutex);
  auto [at, end] =
      index.entries.equal_range(KeyOf(connection->finished(), connection->finished_length()));
  for (; at != end; ++at) {
    if (at->second.connection != connection) continue;
    index.entries.erase(at);
    return;
  }
}

TlsConnection* FindInIndex(const uint8_t* finished, size_t length) {
  Index& index = Get();
  std::lock_guard<std::mutex> lock(index.mutex);
  TlsConnection* found = nullptr;
  auto [at, end] = index.entries.equal_range(KeyOf(finished, length));
  for (; at != end; ++at) {
    const Entry& entry = at->second;
    if (entry.thread != ThisThread() || !HasFinished(*entry.connection, finished, length)) continue;
    if (found) return nullptr;
    found = entry.connection;
  }
  return found;
}

size_t IndexSize() {
  Index& index = Get();
  std::lock_guard<std::mutex> lock(index.mutex);
  return index.entries.size();
}

}  // namespace handoff
