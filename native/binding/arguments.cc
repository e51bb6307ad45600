#include "arguments.h"

#include <errno.h>

#include <cmath>

namespace handoff {

int Arguments::Descriptor(size_t index) {
  int fd;
  if (Number(index, 0, kLargest, &fd)) return fd;
  Fail(-EBADF);
  return kNoDescriptor;
}

int Arguments::Integer(size_t index, int lowest, int highest) {
  int number;
  if (Number(index, lowest, highest, &number)) return number;
  Fail(-EINVAL);
  return lowest;
}

std::string Arguments::Text(size_t index, bool nul) {
  std::string text;
  if (!Read(info_[index], nul, &text)) Fail(-EINVAL);
  return text;
}

std::vector<std::string> Arguments::Texts(size_t index) {
  std::vector<std::string> texts;
  if (!info_[index].IsArray()) {
    Fail(-EINVAL);
    return texts;
  }
  auto values = info_[index].As<Napi::Array>();
  for (uint32_t i = 0; i < values.Length(); ++i) {
    std::string text;
    if (!Read(values.Get(i), false, &text)) Fail(-EINVAL);
    texts.push_back(text);
  }
  return texts;
}

Arguments::Elements<int32_t> Arguments::Ints(size_t index, size_t least) {
  return Array<int32_t>(index, napi_int32_array, least);
}

Arguments::Elements<uint8_t> Arguments::Bytes(size_t index, size_t least) {
  return Array<uint8_t>(index, napi_uint8_array, least);
}

Arguments::Elements<double> Arguments::Doubles(size_t index, size_t least) {
  return Array<double>(index, napi_float64_array, least);
}

bool Arguments::Number(size_t index, int lowest, int highest, int* number) {
  if (!info_[index].IsNumber()) return false;
  double value = info_[index].As<Napi::Number>().DoubleValue();
  // A NaN is in no range.
  if (!(value >= lowest && value <= highest) || std::trunc(value) != value) return false;
  if (value == 0 && std::signbit(value)) return false;
  *number = static_cast<int>(value);
  return true;
}

template <typename T>
Arguments::Elements<T> Arguments::Array(size_t index, napi_typedarray_type type, size_t least) {
  Elements<T> elements;
  bool is_array = false;
  napi_typedarray_type found;
  void* data = nullptr;
  size_t count = 0;
  napi_env env = info_.Env();
  napi_is_typedarray(env, info_[index], &is_array);
  // Does not ask for the buffer itself: it may be a shared one, which Napi::TypedArray refuses.
  if (!is_array || napi_get_typedarray_info(env, info_[index], &found, &count, &data, nullptr,
                                            nullptr) != napi_ok) {
    Fail(-EINVAL);
  } else if (found != type || count < least) {
    Fail(-EINVAL);
  } else if (count > 0) {
    elements = {static_cast<T*>(data), count};
  }
  return elements;
}

int Arguments::Fail(int error) {
  if (error_ == 0) error_ = error;
  return error_;
}

bool Arguments::Read(Napi::Value value, bool nul, std::string* text) {
  if (!value.IsString()) return false;
  *text = value.As<Napi::String>().Utf8Value();
  return nul || text->find('\0') == std::string::npos;
}

}  // namespace handoff
