// Finds the functions of the OpenSSL that this process runs with, by name, at run time: node exports
// those of the OpenSSL within it, or is linked with that of the system. No header of OpenSSL is
// needed, so one build of the addon serves all lines of Node.js.
#pragma once

#include <stddef.h>

#include <initializer_list>

namespace handoff {

// A function, and the pointer that gets its address.
class OpenSslFunction {
 public:
  template <typename Pointer>
  OpenSslFunction(const char* name, Pointer* pointer)
      : name_(name), address_(reinterpret_cast<void**>(pointer)) {
    static_assert(sizeof(Pointer) == sizeof(void*), "is a pointer to a function");
  }
  // Returns false if the process has no such function.
  bool Find() const;
  const char* name() const { return name_; }

 private:
  const char* name_;
  void** address_;
};

// Finds all of `functions`. Returns null, or what is missing: the name of a function; or "OpenSSL 3" if
// the library is another (BoringSSL, an older or a newer version), whose functions may differ.
const char* FindInOpenSsl(std::initializer_list<OpenSslFunction> functions);

}  // namespace handoff
