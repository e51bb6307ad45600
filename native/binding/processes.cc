// Locks, children, other processes, and the program of this one.

#include <string>
#include <vector>

#include "../process.h"
#include "bindings.h"

namespace handoff {
namespace {

// Returns pointers as execve(2) expects them. The texts must outlive them.
std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Napi::Value LockJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return LockExclusively(fd); });
}

Napi::Value ReapOrphansJs(Info info) {
  Arguments in(info);
  auto known = in.Ints(0);
  auto out = in.Ints(1);  // pairs of pid and status
  return Checked(info, in, [&] {
    return ReapOrphans(known.data, known.count, reinterpret_cast<Orphan*>(out.data),
                       out.count / 2);
  });
}

Napi::Value OpenProcessJs(Info info) {
  Arguments in(info);
  int pid = in.Integer(0, 1, kLargest);
  return Checked(info, in, [&] { return OpenProcess(pid); });
}

Napi::Value SignalProcessJs(Info info) {
  Arguments in(info);
  int process = in.Descriptor(0);
  int signal = in.Integer(1, 0, 64);
  return Checked(info, in, [&] { return SignalProcess(process, signal); });
}

Napi::Value BecomeProgramJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0);
  auto argv = in.Texts(1);
  auto env = in.Texts(2);
  auto fds = in.Ints(3);  // last: a getter in a list may detach its buffer
  return Checked(info, in, [&] {
    return BecomeProgram(path.c_str(), Pointers(argv).data(), Pointers(env).data(), fds.data,
                         fds.count);
  });
}

}  // namespace

void ExportProcesses(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"lock", LockJs},
             {"reapOrphans", ReapOrphansJs},
             {"openProcess", OpenProcessJs},
             {"signalProcess", SignalProcessJs},
             {"becomeProgram", BecomeProgramJs},
         });
}

}  // namespace handoff
