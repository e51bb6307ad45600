// The client of bench/load/ask.ts: in C, so that most of both cores is left to the servers.
// Usage: ask PORT kept|new CONNECTIONS WARM_UP_REQUESTS WARM_UP_MS MS. Each connection asks again as soon as it has
// a whole reply; `new` connects anew for that. Prints what came after the warm-up as one line of
// JSON.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMaxConnections = 1024, kMaxReplies = 1 << 22 };

// Of each connection: when its request began, and how much of the reply is still to come. All
// replies over one connection are of one length; the first one comes whole, and tells it.
static struct pollfd polled[kMaxConnections];
static struct {
  double asked_at;
  long length, missing;
} connections[kMaxConnections];

static struct sockaddr_in server;
static int keeps;
static float latencies[kMaxReplies];
static size_t replies;

static int must(int result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static double now_ms(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void begin(int i) {
  connections[i].asked_at = now_ms(CLOCK_MONOTONIC);
  polled[i].fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(fcntl(polled[i].fd, F_SETFL, O_NONBLOCK), "fcntl");
  if (connect(polled[i].fd, (struct sockaddr*)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
    must(-1, "connect");
  polled[i].events = POLLOUT;
}

static void ask(int i) {
  static const char kKept[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  static const char kNew[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
  // It fits into the empty buffer of a socket.
  must((int)write(polled[i].fd, keeps ? kKept : kNew, strlen(keeps ? kKept : kNew)), "write");
  polled[i].events = POLLIN;
}

static void count(int i) {
  double now = now_ms(CLOCK_MONOTONIC);
  if (replies < kMaxReplies) latencies[replies] = (float)(now - connections[i].asked_at);
  replies++;
  connections[i].asked_at = now;
}

// A reply over a connection that is kept ends by its length, any other one with the connection.
static void take(int i) {
  char bytes[4096];
  int got = must((int)read(polled[i].fd, bytes, sizeof(bytes)), "read");
  if (!keeps) {
    connections[i].length += got;
    if (got > 0) return;
    if (connections[i].length == 0) errno = ECONNRESET, must(-1, "no reply");
    connections[i].length = 0;
    close(polled[i].fd);
    count(i);
    begin(i);
    return;
  }
  if (got == 0) errno = ECONNRESET, must(-1, "a kept connection");
  if (connections[i].length == 0) connections[i].length = connections[i].missing = got;
  connections[i].missing -= got;
  if (connections[i].missing > 0) return;
  connections[i].missing = connections[i].length;
  count(i);
  ask(i);
}

static void run(size_t requests, double ms, nfds_t of) {
  double ends_at = now_ms(CLOCK_MONOTONIC) + ms;
  for (replies = 0; replies < requests && now_ms(CLOCK_MONOTONIC) < ends_at;) {
    must(poll(polled, of, 1000), "poll");
    for (int i = 0; i < (int)of; i++) {
      if (polled[i].revents & POLLOUT)
        ask(i);
      else if (polled[i].revents != 0)
        take(i);
    }
  }
}

static int by_size(const void* a, const void* b) {
  float x = *(const float*)a, y = *(const float*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  server = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(argv[1])),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  keeps = strcmp(argv[2], "kept") == 0;
  int of = atoi(argv[3]);
  if (of < 1 || of > kMaxConnections) return 2;
  for (int i = 0; i < of; i++) begin(i);
  run((size_t)atol(argv[4]), atof(argv[5]), (nfds_t)of);
  size_t warm_up = replies;
  double from = now_ms(CLOCK_MONOTONIC), cpu_from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
  run(SIZE_MAX, atof(argv[6]), (nfds_t)of);
  double ms = now_ms(CLOCK_MONOTONIC) - from, cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
  size_t kept = replies < kMaxReplies ? replies : kMaxReplies;
  if (kept == 0) return 1;
  qsort(latencies, kept, sizeof(*latencies), by_size);
  printf(
      "{\"requests\":%zu,\"requestsInAll\":%zu,\"perSecond\":%.1f,\"p50\":%.3f,\"p99\":%.3f,"
      "\"busy\":%.3f}\n",
      replies, warm_up + replies, (double)replies / ms * 1e3, latencies[kept / 2],
      latencies[kept * 99 / 100], cpu / ms);
  return 0;
}
