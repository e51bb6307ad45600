#include "libssl.h"

#include "openssl.h"

namespace handoff {

const char* FindLibSsl(LibSsl* libssl) {
  return FindInOpenSsl({
      {"CRYPTO_get_ex_new_index", &libssl->new_index},
      {"SSL_set_ex_data", &libssl->set_data},
      {"SSL_get_ex_data", &libssl->data},
      {"SSL_CTX_set_ex_data", &libssl->set_context_data},
      {"SSL_CTX_get_ex_data", &libssl->context_data},
      {"SSL_CTX_set_msg_callback", &libssl->set_context_on_message},
      {"SSL_set_msg_callback", &libssl->set_on_message},
      {"SSL_CTX_set_keylog_callback", &libssl->set_on_key_log},
      {"SSL_CTX_get_keylog_callback", &libssl->on_key_log},
      {"SSL_get_SSL_CTX", &libssl->context},
      {"SSL_is_server", &libssl->is_server},
      {"SSL_version", &libssl->version},
      {"SSL_get_current_cipher", &libssl->cipher},
      {"SSL_CIPHER_get_protocol_id", &libssl->cipher_id},
      {"SSL_has_pending", &libssl->has_pending},
      {"SSL_in_init", &libssl->in_handshake},
      {"SSL_get_shutdown", &libssl->shutdown},
      {"SSL_get_key_update_type", &libssl->owed_key_update},
      {"SSL_get_early_data_status", &libssl->early_data},
      {"SSL_get_current_compression", &libssl->compression},
      {"SSL_get_session", &libssl->session},
      {"SSL_SESSION_get_master_key", &libssl->master_key},
      {"SSL_SESSION_get_max_fragment_length", &libssl->fragment_code},
      {"SSL_get_client_random", &libssl->client_random},
      {"SSL_get_server_random", &libssl->server_random},
  });
}

}  // namespace handoff
