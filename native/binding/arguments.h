// Reads the arguments of a call from JavaScript. Never converts a value of another type: NaN would
// become 0, which is the descriptor of stdin.
#pragma once

#include <napi.h>
#include <stdint.h>

#include <limits>
#include <string>
#include <vector>

namespace handoff {

// Not an open descriptor: each system call fails with EBADF.
constexpr int kNoDescriptor = -1;
constexpr int kLargest = std::numeric_limits<int>::max();

// Reads each argument at most once. `error` is 0 while all were valid, else the first error: -EBADF
// for a descriptor, -EINVAL for any other argument. The result for an invalid argument is harmless:
// kNoDescriptor, the lowest number of the range, an empty text, an array without elements.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  int error() const { return error_; }

  // An integer from 0 to 2^31-1, and not -0.
  int Descriptor(size_t index);
  // An integer of this range, and not -0.
  int Integer(size_t index, int lowest, int highest);
  // `nul`: whether it may contain NUL, as abstract names do. C strings end there.
  std::string Text(size_t index, bool nul = false);
  std::vector<std::string> Texts(size_t index);
  // The elements of a typed array of exactly this type, at least `least`. A detached or shrunken
  // buffer has none. They stay valid until JavaScript runs again.
  template <typename T>
  struct Elements {
    T* data = nullptr;
    size_t count = 0;
  };
  Elements<int32_t> Ints(size_t index, size_t least = 0);
  Elements<uint8_t> Bytes(size_t index, size_t least = 0);
  Elements<double> Doubles(size_t index, size_t least = 0);

 private:
  bool Number(size_t index, int lowest, int highest, int* number);
  template <typename T>
  Elements<T> Array(size_t index, napi_typedarray_type type, size_t least);
  int Fail(int error);
  bool Read(Napi::Value value, bool nul, std::string* text);

  const Napi::CallbackInfo& info_;
  int error_ = 0;
};

}  // namespace handoff
