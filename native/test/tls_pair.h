// A client and a server of the system's OpenSSL in this process, whose bytes go over in memory.
#pragma once

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include <string>

#include "../libssl.h"
#include "../openssl.h"
#include "harness.h"

// What the tests need of OpenSSL beside LibSsl.
struct TestSsl {
  const void* (*server_method)();
  const void* (*client_method)();
  handoff::SslContext* (*new_context)(const void* method);
  void (*free_context)(handoff::SslContext* context);
  long (*control_context)(handoff::SslContext* context, int command, long number, void* pointer);
  int (*set_suites)(handoff::SslContext* context, const char* names);
  int (*set_ciphers)(handoff::SslContext* context, const char* names);
  int (*use_certificate)(handoff::SslContext* context, const char* file, int type);
  int (*use_key)(handoff::SslContext* context, const char* file, int type);
  handoff::Ssl* (*create)(handoff::SslContext* context);
  void (*free)(handoff::Ssl* ssl);
  handoff::Ssl* (*duplicate)(handoff::Ssl* ssl);
  handoff::SslContext* (*set_context)(handoff::Ssl* ssl, handoff::SslContext* context);
  void (*set_cert_callback)(handoff::SslContext* context, int (*callback)(handoff::Ssl*, void*),
                            void* argument);
  void (*accept)(handoff::Ssl* ssl);
  void (*connect)(handoff::Ssl* ssl);
  int (*handshake)(handoff::Ssl* ssl);
  int (*read)(handoff::Ssl* ssl, void* bytes, int size);
  int (*write)(handoff::Ssl* ssl, const void* bytes, int size);
  int (*shutdown)(handoff::Ssl* ssl);
  int (*key_update)(handoff::Ssl* ssl, int type);
  int (*renegotiate)(handoff::Ssl* ssl);
  size_t (*finished)(const handoff::Ssl* ssl, void* bytes, size_t size);
  uint8_t (*set_fragment)(handoff::Ssl* ssl, uint8_t code);
  const void* (*memory_method)();
  void* (*new_bio)(const void* method);
  int (*read_bio)(void* bio, void* bytes, int size);
  int (*write_bio)(void* bio, const void* bytes, int size);
  void (*set_bios)(handoff::Ssl* ssl, void* read, void* write);
};

// Null, and a word about it, if the system has no OpenSSL 3.
inline const TestSsl* FindTestSsl() {
  static TestSsl functions;
  static const char* const missing = [] {
    for (const char* name : {"libssl.so.3", "libssl.3.dylib"}) {
      if (dlopen(name, RTLD_NOW | RTLD_GLOBAL)) break;
    }
    TestSsl* to = &functions;
    return handoff::FindInOpenSsl({
        {"TLS_server_method", &to->server_method},
        {"TLS_client_method", &to->client_method},
        {"SSL_CTX_new", &to->new_context},
        {"SSL_CTX_free", &to->free_context},
        {"SSL_CTX_ctrl", &to->control_context},
        {"SSL_CTX_set_ciphersuites", &to->set_suites},
        {"SSL_CTX_set_cipher_list", &to->set_ciphers},
        {"SSL_CTX_use_certificate_file", &to->use_certificate},
        {"SSL_CTX_use_PrivateKey_file", &to->use_key},
        {"SSL_new", &to->create},
        {"SSL_free", &to->free},
        {"SSL_dup", &to->duplicate},
        {"SSL_set_SSL_CTX", &to->set_context},
        {"SSL_CTX_set_cert_cb", &to->set_cert_callback},
        {"SSL_set_accept_state", &to->accept},
        {"SSL_set_connect_state", &to->connect},
        {"SSL_do_handshake", &to->handshake},
        {"SSL_read", &to->read},
        {"SSL_write", &to->write},
        {"SSL_shutdown", &to->shutdown},
        {"SSL_key_update", &to->key_update},
        {"SSL_renegotiate", &to->renegotiate},
        {"SSL_get_finished", &to->finished},
        {"SSL_set_tlsext_max_fragment_length", &to->set_fragment},
        {"BIO_s_mem", &to->memory_method},
        {"BIO_new", &to->new_bio},
        {"BIO_read", &to->read_bio},
        {"BIO_write", &to->write_bio},
        {"SSL_set_bio", &to->set_bios},
    });
  }();
  if (missing) fprintf(stderr, "  skipped: this system has no %s\n", missing);
  return missing ? nullptr : &functions;
}

class TestContext {
 public:
  TestContext(const TestSsl& ssl, bool server, int version) : ssl_(ssl) {
    context_ = ssl.new_context(server ? ssl.server_method() : ssl.client_method());
    constexpr int kSetLowest = 123, kSetHighest = 124;
    for (int command : {kSetLowest, kSetHighest}) {
      ssl.control_context(context_, command, version, nullptr);
    }
    if (!server) return;
    // One of ECDSA and one of RSA: the suite decides.
    constexpr int kPem = 1;
    for (std::string kind : {"", "rsa-"}) {
      std::string folder = "test/fixtures/tls/" + kind;
      CHECK_EQ(ssl.use_certificate(context_, (folder + "certificate.pem").c_str(), kPem), 1);
      CHECK_EQ(ssl.use_key(context_, (folder + "key.pem").c_str(), kPem), 1);
    }
  }
  ~TestContext() { ssl_.free_context(context_); }
  TestContext(const TestContext&) = delete;
  TestContext& operator=(const TestContext&) = delete;
  handoff::SslContext* get() const { return context_; }

 private:
  const TestSsl& ssl_;
  handoff::SslContext* context_;
};

// One side, with the bytes that it has sent and that wait to be carried.
struct TestEnd {
  const TestSsl& functions;
  handoff::Ssl* ssl;
  void* in;
  void* out;
  std::string sent;
  size_t carried = 0;

  TestEnd(const TestSsl& functions, handoff::SslContext* context, bool server)
      : functions(functions), ssl(functions.create(context)) {
    in = functions.new_bio(functions.memory_method());
    out = functions.new_bio(functions.memory_method());
    functions.set_bios(ssl, in, out);
    server ? functions.accept(ssl) : functions.connect(ssl);
  }
  ~TestEnd() { functions.free(ssl); }
  TestEnd(const TestEnd&) = delete;
  TestEnd& operator=(const TestEnd&) = delete;

  void Collect() {
    char bytes[4096];
    for (int size; (size = functions.read_bio(out, bytes, sizeof(bytes))) > 0;) {
      sent.append(bytes, static_cast<size_t>(size));
    }
  }
  // Carries what was sent, at most up to `limit` bytes in all.
  void CarryTo(TestEnd& other, size_t limit = SIZE_MAX) {
    Collect();
    size_t end = std::min(limit, sent.size());
    if (end <= carried) return;
    functions.write_bio(other.in, sent.data() + carried, static_cast<int>(end - carried));
    carried = end;
  }
  // Reads all there is; returns how many bytes of data.
  size_t Read() {
    char bytes[4096];
    size_t all = 0;
    for (int size; (size = functions.read(ssl, bytes, sizeof(bytes))) > 0;) all += size;
    return all;
  }
  void Write(size_t size) {
    std::string data(size, 'x');
    CHECK_EQ(functions.write(ssl, data.data(), static_cast<int>(size)), size);
  }
};

struct TestPair {
  TestEnd server, client;

  TestPair(const TestSsl& functions, const TestContext& server_context,
           const TestContext& client_context)
      : server(functions, server_context.get(), true),
        client(functions, client_context.get(), false) {}

  bool Shake() {
    for (int round = 0; round < 10; round++) {
      int done = client.functions.handshake(client.ssl);
      client.CarryTo(server);
      done += server.functions.handshake(server.ssl);
      server.CarryTo(client);
      if (done == 2) break;
    }
    client.Read();  // tickets
    return client.functions.handshake(client.ssl) == 1;
  }
  size_t Say(TestEnd& from, TestEnd& to, size_t size) {
    from.Write(size);
    from.CarryTo(to);
    return to.Read();
  }
};
