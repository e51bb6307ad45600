#include "tls_watch.h"

#include <atomic>
#include <new>

#include "libssl.h"
#include "tls_connection.h"
#include "tls_index.h"

namespace handoff {
namespace {

// Content types (RFC 8446 5.1).
constexpr int kAlert = 21;
constexpr int kHandshake = 22;

// A handshake type (RFC 8446 4).
constexpr uint8_t kFinished = 20;

LibSsl libssl;
// Where an SSL has its TlsConnection, and an SSL_CTX the callback that ours replaced.
int connection_index = -1;
int replaced_index = -1;
std::atomic<size_t> watched{0};

TlsConnection* Get(const Ssl* ssl) {
  return static_cast<TlsConnection*>(libssl.data(ssl, connection_index));
}

// Returns null for a client, and without memory: then nothing of this connection is reported again.
TlsConnection* Create(Ssl* ssl) {
  if (libssl.is_server(ssl)) {
    auto* connection = new (std::nothrow) TlsConnection(libssl, ssl);
    if (connection && libssl.set_data(ssl, connection_index, connection) == 1) {
      watched++;
      return connection;
    }
    delete connection;
  }
  libssl.set_on_message(ssl, nullptr);
  return nullptr;
}

void OnKeyLog(const Ssl* ssl, const char* line);

// Has the next secrets of a connection reported to us. A context has one callback, and Node.js sets its
// own for each connection of a server with listeners to 'keylog'. Ours takes its place for a moment:
// OpenSSL spends 5 us on the text of each secret while there is one.
void ListenToKeyLog(const Ssl* ssl) {
  SslContext* context = libssl.context(ssl);
  LibSsl::OnKeyLog callback = libssl.on_key_log(context);
  if (callback == OnKeyLog) return;
  if (libssl.set_context_data(context, replaced_index, reinterpret_cast<void*>(callback)) == 1) {
    libssl.set_on_key_log(context, OnKeyLog);
  }
}

void OnKeyLog(const Ssl* ssl, const char* line) {
  SslContext* context = libssl.context(ssl);
  auto replaced =
      reinterpret_cast<LibSsl::OnKeyLog>(libssl.context_data(context, replaced_index));
  TlsConnection* connection = Get(ssl);
  bool is_last = connection && connection->OnKeyLog(line);
  if (is_last && libssl.on_key_log(context) == OnKeyLog) libssl.set_on_key_log(context, replaced);
  // Two copies of this library in one process may have replaced each other.
  static thread_local bool is_called = false;
  if (!replaced || is_called) return;
  is_called = true;
  replaced(ssl, line);
  is_called = false;
}

void OnHandshake(Ssl* ssl, TlsConnection* connection, bool written, const uint8_t* message,
                 size_t length) {
  bool is_finished = length > 0 && message[0] == kFinished;
  // OpenSSL reports the traffic secret of a direction right after its Finished. The context is that
  // of SNICallback, if there is one.
  if (is_finished && connection->version() == kTls13) ListenToKeyLog(ssl);
  bool is_ours = is_finished && written;
  // Each handshake has another one.
  if (is_ours) RemoveFromIndex(connection);
  connection->OnHandshake(written, message, length);
  if (is_ours) AddToIndex(connection);
}

void OnMessage(int written, int, int content_type, const void* data, size_t length, Ssl* ssl,
               void*) {
  TlsConnection* connection = Get(ssl);
  if (!connection && !(connection = Create(ssl))) return;
  auto* bytes = static_cast<const uint8_t*>(data);
  switch (content_type) {
    case kRecordHeaderType:
      return connection->OnRecord(written, bytes);
    case kInnerContentType:
      return connection->OnInnerType(written, bytes[0]);
    case kHandshake:
      return OnHandshake(ssl, connection, written, bytes, length);
    case kAlert:
      return connection->OnAlert(written);
  }
}

void OnNewContext(void* context, void*, void*, int, long, void*) {
  libssl.set_context_on_message(static_cast<SslContext*>(context), OnMessage);
}

void OnFree(void*, void* data, void*, int, long, void*) {
  if (!data) return;
  auto* connection = static_cast<TlsConnection*>(data);
  RemoveFromIndex(connection);
  delete connection;
  watched--;
}

// SSL_dup: the copy is another connection.
int OnCopy(void*, const void*, void** data, int, long, void*) {
  *data = nullptr;
  return 1;
}

const char* Start() {
  if (const char* missing = FindLibSsl(&libssl)) return missing;
  connection_index = libssl.new_index(kSslData, 0, nullptr, nullptr, OnCopy, OnFree);
  replaced_index = libssl.new_index(kSslContextData, 0, nullptr, nullptr, nullptr, nullptr);
  if (connection_index < 0 || replaced_index < 0) return "CRYPTO_get_ex_new_index";
  int watching = libssl.new_index(kSslContextData, 0, nullptr, OnNewContext, nullptr, nullptr);
  return watching < 0 ? "CRYPTO_get_ex_new_index" : nullptr;
}

}  // namespace

const char* WatchTls() {
  static const char* const trouble = Start();
  return trouble;
}

size_t WatchedTls() { return watched; }

}  // namespace handoff
