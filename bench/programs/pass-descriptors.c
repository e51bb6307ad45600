// What passing descriptors costs without any program around it: one process sends them over a Unix
// socket, 253 at a time, two messages on their way at most, and another acks each message.
// Usage: pass-descriptors COUNT. Prints milliseconds from the first send to the last ack.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPerMessage = 253, kOnTheirWay = 2 };

typedef union {
  char bytes[CMSG_SPACE(kPerMessage * sizeof(int))];
  struct cmsghdr alignment;
} Control;

static int must(int result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static int* connections(int count) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof(address);
  int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(bind(listener, (struct sockaddr*)&address, length), "bind");
  must(listen(listener, 511), "listen");
  must(getsockname(listener, (struct sockaddr*)&address, &length), "getsockname");
  // The clients' ends belong to a process of their own, which ends with this one.
  int alive[2];
  must(pipe(alive), "pipe");
  if (must(fork(), "fork") == 0) {
    close(alive[1]);
    for (int i = 0; i < count; i++) {
      int client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
      must(connect(client, (struct sockaddr*)&address, sizeof(address)), "connect");
    }
    char byte;
    _exit(read(alive[0], &byte, 1) != 0);
  }
  close(alive[0]);
  int* accepted = malloc((size_t)count * sizeof(int));
  for (int i = 0; i < count; i++) accepted[i] = must(accept(listener, NULL, NULL), "accept");
  return accepted;
}

static void receive(int channel, int count) {
  while (count > 0) {
    char byte;
    Control control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control)};
    if (must((int)recvmsg(channel, &message, MSG_CMSG_CLOEXEC), "recvmsg") == 0) exit(1);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == NULL || (message.msg_flags & MSG_CTRUNC)) exit(2);
    count -= (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    must((int)write(channel, &byte, 1), "write");
  }
}

static void send_some(int channel, const int* fds, int count) {
  char byte = 0;
  Control control;
  memset(&control, 0, sizeof(control));
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
  must((int)sendmsg(channel, &message, 0), "sendmsg");
}

static void take_ack(int channel) {
  char byte;
  if (must((int)read(channel, &byte, 1), "read") == 0) exit(1);
}

int main(int argc, char** argv) {
  int count = argc > 1 ? atoi(argv[1]) : 10000;
  int* fds = connections(count);
  int channel[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel), "socketpair");
  pid_t receiver = must(fork(), "fork");
  if (receiver == 0) {
    // As a new process that has none of them.
    for (int i = 0; i < count; i++) close(fds[i]);
    take_ack(channel[1]);
    receive(channel[1], count);
    _exit(0);
  }
  struct timespec from, to;
  must((int)write(channel[0], "", 1), "write");
  clock_gettime(CLOCK_MONOTONIC, &from);
  int on_their_way = 0;
  for (int sent = 0; sent < count; sent += kPerMessage) {
    if (on_their_way == kOnTheirWay) take_ack(channel[0]);
    else on_their_way++;
    send_some(channel[0], fds + sent, count - sent < kPerMessage ? count - sent : kPerMessage);
  }
  while (on_their_way-- > 0) take_ack(channel[0]);
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%.1f\n", (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6);
  int status;
  waitpid(receiver, &status, 0);
  return status == 0 ? 0 : 1;
}
