// The functions of libssl that are used here, with the signatures of OpenSSL 3.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

// OpenSSL's own types, of which only pointers are used.
struct Ssl;
struct SslContext;
struct SslCipher;
struct SslSession;

struct LibSsl {
  using OnMessage = void (*)(int written, int version, int content_type, const void* bytes,
                             size_t length, Ssl* ssl, void* argument);
  using OnKeyLog = void (*)(const Ssl* ssl, const char* line);
  // CRYPTO_EX_new and CRYPTO_EX_free; `parent` is an SSL or an SSL_CTX.
  using OnExtraData = void (*)(void* parent, void* data, void* all, int index, long argument,
                               void* pointer);
  // CRYPTO_EX_dup.
  using OnExtraCopy = int (*)(void* to, const void* from, void** data, int index, long argument,
                              void* pointer);

  int (*new_index)(int type, long argument, void* pointer, OnExtraData on_new, OnExtraCopy on_copy,
                   OnExtraData on_free);
  int (*set_data)(Ssl* ssl, int index, void* data);
  void* (*data)(const Ssl* ssl, int index);
  int (*set_context_data)(SslContext* context, int index, void* data);
  void* (*context_data)(const SslContext* context, int index);

  void (*set_context_on_message)(SslContext* context, OnMessage callback);
  void (*set_on_message)(Ssl* ssl, OnMessage callback);
  void (*set_on_key_log)(SslContext* context, OnKeyLog callback);
  OnKeyLog (*on_key_log)(const SslContext* context);

  SslContext* (*context)(const Ssl* ssl);
  int (*is_server)(const Ssl* ssl);
  int (*version)(const Ssl* ssl);
  const SslCipher* (*cipher)(const Ssl* ssl);
  uint16_t (*cipher_id)(const SslCipher* cipher);
  int (*has_pending)(const Ssl* ssl);
  int (*in_handshake)(const Ssl* ssl);
  int (*shutdown)(const Ssl* ssl);
  int (*owed_key_update)(const Ssl* ssl);
  int (*early_data)(const Ssl* ssl);
  const void* (*compression)(const Ssl* ssl);
  const SslSession* (*session)(const Ssl* ssl);
  size_t (*master_key)(const SslSession* session, uint8_t* out, size_t size);
  uint8_t (*fragment_code)(const SslSession* session);
  size_t (*client_random)(const Ssl* ssl, uint8_t* out, size_t size);
  size_t (*server_random)(const Ssl* ssl, uint8_t* out, size_t size);
};

// Values of OpenSSL's headers.
constexpr int kSslData = 0;             // CRYPTO_EX_INDEX_SSL
constexpr int kSslContextData = 1;      // CRYPTO_EX_INDEX_SSL_CTX
constexpr int kRecordHeaderType = 256;  // SSL3_RT_HEADER
constexpr int kInnerContentType = 257;  // SSL3_RT_INNER_CONTENT_TYPE
constexpr int kNoKeyUpdate = -1;        // SSL_KEY_UPDATE_NONE
constexpr int kNoEarlyData = 0;         // SSL_EARLY_DATA_NOT_SENT

// Finds them in this process. Returns null, or the name of what is missing.
const char* FindLibSsl(LibSsl* libssl);

}  // namespace handoff
