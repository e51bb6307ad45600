// Which contexts, threads and connections are followed, and that nothing is left of them.

#include <thread>
#include <vector>

#include "tls_watched_pair.h"

using namespace handoff;

namespace {

int keylog_lines;
void CountLine(const Ssl*, const char*) { keylog_lines++; }

}  // namespace

TEST(the_callback_of_another_is_called_as_well) {
  const TestSsl* functions = Begin();
  LibSsl libssl;
  if (!functions || FindLibSsl(&libssl)) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  keylog_lines = 0;
  for (int connection = 1; connection <= 3; connection++) {
    // As Node.js, for each connection of a server with listeners to 'keylog'.
    libssl.set_on_key_log(server.get(), CountLine);
    TestPair pair(*functions, server, client);
    CHECK(pair.Shake());
    CHECK_EQ(keylog_lines, 5 * connection);
    CheckExact(pair);
  }
}

TEST(a_context_that_is_chosen_in_the_handshake_reports_secrets) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext first(*functions, true, k13), chosen(*functions, true, k13);
  TestContext client(*functions, false, k13);
  struct Choice {
    const TestSsl* functions;
    SslContext* context;
  } choice = {functions, chosen.get()};
  auto choose = [](Ssl* ssl, void* argument) {
    auto* choice = static_cast<Choice*>(argument);
    return choice->functions->set_context(ssl, choice->context) ? 1 : 0;
  };
  functions->set_cert_callback(first.get(), choose, &choice);
  for (int connection = 0; connection < 3; connection++) {
    TestPair pair(*functions, first, client);
    CHECK(pair.Shake());
    CheckExact(pair);
  }
}

TEST(connections_are_found_by_their_own_thread_only) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  auto* pair = new TestPair(*functions, server, client);
  CHECK(pair->Shake());
  CHECK(Find(pair->server));
  bool is_found = true;
  std::thread([&] {
    is_found = Find(pair->server) != nullptr;
    delete pair;  // also there it is removed
  }).join();
  CHECK(!is_found);
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}

TEST(threads_have_connections_at_the_same_time) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; thread++) {
    threads.emplace_back([functions] {
      TestContext server(*functions, true, k13), client(*functions, false, k13);
      for (int connection = 0; connection < 10; connection++) {
        TestPair pair(*functions, server, client);
        CHECK(pair.Shake());
        CheckExact(pair);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}

TEST(connections_that_end_early_or_are_copied_leave_nothing) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  {
    TestPair pair(*functions, server, client);
    functions->handshake(pair.client.ssl);
    pair.client.CarryTo(pair.server);
    functions->handshake(pair.server.ssl);
    CHECK_EQ(WatchedTls(), 1);
    if (Ssl* copy = functions->duplicate(pair.server.ssl)) functions->free(copy);
    CHECK_EQ(WatchedTls(), 1);
  }
  {
    TestPair pair(*functions, server, client);
    functions->write_bio(pair.server.in, "GET / HTTP/1.1\r\n\r\n", 18);
    CHECK(functions->handshake(pair.server.ssl) != 1);
    CHECK(!Find(pair.server));
  }
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}
