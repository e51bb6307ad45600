#include "tls_records.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "../openssl_crypto.h"
#include "../tls_secrets.h"
#include "arguments.h"
#include "bindings.h"

namespace handoff {

namespace {

// Doubles are exact up to here.
constexpr double kMaxNumber = 9007199254740991;
// Since the file. A secret is derived for each: bounds what a number of another process costs.
constexpr double kMaxUpdates = 32;

bool IsInteger(double value, double highest) {
  return value >= 0 && value <= highest &&
         static_cast<double>(static_cast<uint64_t>(value)) == value;
}

bool ReadPart(napi_env env, napi_value value, Bytes* part) {
  bool is_array = false;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  if (napi_get_typedarray_info(env, value, &type, &part->length, &data, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint8_array) {
    return false;
  }
  part->data = static_cast<const uint8_t*>(data);
  return true;
}

// Reads one Uint8Array, or an array of them. All elements are fetched first: that may run
// JavaScript, which may detach a buffer.
bool ReadParts(Napi::Value value, std::vector<Bytes>* parts) {
  napi_env env = value.Env();
  Bytes part;
  if (ReadPart(env, value, &part)) {
    parts->push_back(part);
    return true;
  }
  if (!value.IsArray()) return false;
  auto array = value.As<Napi::Array>();
  std::vector<napi_value> elements(array.Length());
  for (uint32_t i = 0; i < elements.size(); i++) {
    if (napi_get_element(env, array, i, &elements[i]) != napi_ok) return false;
  }
  parts->reserve(elements.size());
  for (napi_value element : elements) {
    if (!ReadPart(env, element, &part)) return false;
    parts->push_back(part);
  }
  return true;
}

bool Follow(TlsHalf* half, double updates, double sequence) {
  if (updates < half->updates()) return false;
  while (half->updates() < updates) {
    if (half->Update() < 0) return false;
  }
  return half->Advance(static_cast<uint64_t>(sequence)) == 0;
}

}  // namespace

Napi::Function TlsRecordsJs::Define(Napi::Env env) {
  return DefineClass(env, "TlsRecords",
                     {
                         InstanceMethod<&TlsRecordsJs::Suite>("suite"),
                         InstanceMethod<&TlsRecordsJs::Overhead>("overhead"),
                         InstanceMethod<&TlsRecordsJs::Open>("open"),
                         InstanceMethod<&TlsRecordsJs::Seal>("seal"),
                         InstanceMethod<&TlsRecordsJs::UpdateRead>("updateRead"),
                         InstanceMethod<&TlsRecordsJs::UpdateWrite>("updateWrite"),
                         InstanceMethod<&TlsRecordsJs::SetOwesKeyUpdate>("setOwesKeyUpdate"),
                         InstanceMethod<&TlsRecordsJs::Progress>("progress"),
                         InstanceMethod<&TlsRecordsJs::Advance>("advance"),
                         InstanceMethod<&TlsRecordsJs::WriteSecrets>("writeSecrets"),
                         InstanceMethod<&TlsRecordsJs::Wipe>("wipe"),
                     });
}

TlsRecordsJs::TlsRecordsJs(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  int index = in.Integer(1, 0, kLargest);
  TlsSecrets secrets;
  status_ = in.error() < 0 ? in.error() : ReadSecrets(fd, index, &secrets);
  if (status_ < 0) return;
  const handoff::Suite* suite = FindSuite(secrets.version, secrets.suite);
  status_ = !suite ? -EPROTO : FindOpenSslCrypto() ? 0 : -ENOTSUP;
  if (status_ == 0) records_ = std::make_unique<TlsRecords>(*suite, secrets);
  handoff::Wipe(&secrets, sizeof(secrets));
}

template <typename Call>
Napi::Value TlsRecordsJs::WithRecords(const Napi::CallbackInfo& info, int argument_error,
                                      Call call) {
  if (!records_) return Result(info, status_ < 0 ? status_ : -ECANCELED);
  return Result(info, argument_error < 0 ? argument_error : call(*records_));
}

// The version, above 16 bits, and the number of the suite.
Napi::Value TlsRecordsJs::Suite(const Napi::CallbackInfo& info) {
  return WithRecords(info, 0, [](TlsRecords& records) {
    return records.suite().version << 16 | records.suite().id;
  });
}

// By how many bytes a record is longer than its plaintext, with its header.
Napi::Value TlsRecordsJs::Overhead(const Napi::CallbackInfo& info) {
  return WithRecords(info, 0, [](TlsRecords& records) {
    return static_cast<int>(kRecordHeader + records.write().Overhead());
  });
}

// Fills: bytes consumed, offset and length of the data, type, offset and length of the record after
// it, alert and reason of a refusal, size of the record that has begun.
Napi::Value TlsRecordsJs::Open(const Napi::CallbackInfo& info) {
  Arguments in(info);
  auto bytes = in.Bytes(0);
  int from = in.Integer(1, 0, kLargest);
  auto facts = in.Ints(2, 9);
  return WithRecords(info, in.error(), [&](TlsRecords& records) {
    if (static_cast<size_t>(from) > bytes.count || bytes.count > kLargest) return -EINVAL;
    Opened opened = records.Open(bytes.data + from, bytes.count - from);
    int32_t values[] = {
        static_cast<int32_t>(opened.consumed),
        static_cast<int32_t>(from + opened.data.offset),
        static_cast<int32_t>(opened.data.length),
        opened.type,
        static_cast<int32_t>(from + opened.other.offset),
        static_cast<int32_t>(opened.other.length),
        opened.refusal.alert,
        opened.refusal.reason,
        static_cast<int32_t>(opened.begun),
    };
    std::copy(std::begin(values), std::end(values), facts.data);
    return 0;
  });
}

Napi::Value TlsRecordsJs::Seal(const Napi::CallbackInfo& info) {
  Arguments in(info);
  auto type = static_cast<uint8_t>(in.Integer(0, 0, 255));
  std::vector<Bytes> parts;
  bool valid = ReadParts(info[1], &parts);
  auto out = in.Bytes(2);
  int from = in.Integer(3, 0, kLargest);
  return WithRecords(info, valid ? in.error() : -EINVAL, [&](TlsRecords& records) -> double {
    if (static_cast<size_t>(from) > out.count) return -EINVAL;
    return static_cast<double>(
        records.Seal(type, parts.data(), parts.size(), out.data + from, out.count - from));
  });
}

Napi::Value TlsRecordsJs::UpdateRead(const Napi::CallbackInfo& info) {
  return WithRecords(info, 0, [](TlsRecords& records) { return records.read().Update(); });
}

Napi::Value TlsRecordsJs::UpdateWrite(const Napi::CallbackInfo& info) {
  return WithRecords(info, 0, [](TlsRecords& records) { return records.write().Update(); });
}

Napi::Value TlsRecordsJs::SetOwesKeyUpdate(const Napi::CallbackInfo& info) {
  Arguments in(info);
  bool owes = in.Integer(0, 0, 1) == 1;
  return WithRecords(info, in.error(), [owes](TlsRecords& records) {
    records.set_owes_key_update(owes);
    return 0;
  });
}

// Fills, for reading and then for writing: KeyUpdates since the file, sequence number of the next
// record; and whether a KeyUpdate is owed.
Napi::Value TlsRecordsJs::Progress(const Napi::CallbackInfo& info) {
  Arguments in(info);
  auto progress = in.Doubles(0, 5);
  return WithRecords(info, in.error(), [&](TlsRecords& records) {
    double* to = progress.data;
    for (TlsHalf* half : {&records.read(), &records.write()}) {
      *to++ = half->updates();
      *to++ = static_cast<double>(half->direction().sequence);
    }
    *to = records.owes_key_update();
    return 0;
  });
}

// Goes on to what Progress() has filled in another process that began with the same file.
Napi::Value TlsRecordsJs::Advance(const Napi::CallbackInfo& info) {
  Arguments in(info);
  auto progress = in.Doubles(0, 5);
  return WithRecords(info, in.error(), [&](TlsRecords& records) {
    const double* to = progress.data;
    if (!IsInteger(to[0], kMaxUpdates) || !IsInteger(to[1], kMaxNumber) ||
        !IsInteger(to[2], kMaxUpdates) || !IsInteger(to[3], kMaxNumber) || !IsInteger(to[4], 1)) {
      return -EINVAL;
    }
    if (!Follow(&records.read(), to[0], to[1]) || !Follow(&records.write(), to[2], to[3])) {
      return -EINVAL;
    }
    records.set_owes_key_update(to[4] == 1);
    return 0;
  });
}

Napi::Value TlsRecordsJs::WriteSecrets(const Napi::CallbackInfo& info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  int index = in.Integer(1, 0, kLargest);
  return WithRecords(info, in.error(), [&](TlsRecords& records) {
    TlsSecrets secrets;
    records.Export(&secrets);
    int error = handoff::WriteSecrets(fd, index, secrets);
    handoff::Wipe(&secrets, sizeof(secrets));
    return error;
  });
}

Napi::Value TlsRecordsJs::Wipe(const Napi::CallbackInfo& info) {
  records_.reset();
  return Result(info, 0);
}

namespace {

// Writes OpenSSL's words for a reason of its libssl: "error:0A000119:SSL routines::…". Returns
// their length.
Napi::Value DescribeTlsReasonJs(Info info) {
  Arguments in(info);
  int reason = in.Integer(0, 0, 0x7fffff);
  auto text = in.Bytes(1, 256);
  return Checked(info, in, [&] {
    const OpenSslCrypto* openssl = FindOpenSslCrypto();
    if (!openssl) return -ENOTSUP;
    constexpr unsigned long kLibrary = 20;  // ERR_LIB_SSL; ERR_PACK() of OpenSSL 3
    openssl->describe(kLibrary << 23 | static_cast<unsigned long>(reason),
                      reinterpret_cast<char*>(text.data), text.count);
    return static_cast<int>(strnlen(reinterpret_cast<char*>(text.data), text.count));
  });
}

}  // namespace

void ExportTlsRecords(Napi::Env env, Napi::Object exports) {
  exports["TlsRecords"] = TlsRecordsJs::Define(env);
  Export(env, exports, {{"describeTlsReason", DescribeTlsReasonJs}});
}

}  // namespace handoff
